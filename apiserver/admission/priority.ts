// Turns a pod's priorityClassName into its priority.
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import type { KubeObject } from '../../machinery/metadata.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, isPodCreation, refusal } from './plugin.ts';

const priorityGroup = 'scheduling.k8s.io';

const isUpdate = ({ operation, subresource }: AdmissionRequest) => operation === 'UPDATE' && subresource === '';
const isClass = ({ kind }: AdmissionRequest) => kind.group === priorityGroup && kind.plural === 'priorityclasses';
const isPod = ({ kind }: AdmissionRequest) => kind.group === '' && kind.plural === 'pods';

/** Of several defaults the lowest counts. */
function findDefault({ store, kinds }: AdmissionDeps): KubeObject | undefined {
  const kind = kinds.kind(priorityGroup, 'PriorityClass');
  return [...store.resource(kind).list(keyPrefixOf(kind))]
    .map((stored) => stored.object)
    .filter((one) => one.globalDefault)
    .sort((a, b) => a.value - b.value)[0];
}

export const priority: AdmissionPlugin = {
  name: 'Priority',
  handles: (request) =>
    isPodCreation(request) || (isUpdate(request) && isPod(request)) || (isClass(request) && !!request.object),
  async mutate(request, deps) {
    if (!isPod(request)) return;
    const { spec } = request.object!;
    const { oldObject } = request;
    if (oldObject) {
      // Who writes a pod as it was meant does not know what was added.
      for (const field of ['priority', 'preemptionPolicy']) spec[field] ??= oldObject.spec[field];
      return;
    }
    let chosen: KubeObject | undefined;
    if (spec.priorityClassName) {
      const kind = deps.kinds.kind(priorityGroup, 'PriorityClass');
      chosen = (await deps.store.find(kind, '', spec.priorityClassName))?.object;
      if (!chosen) throw refusal(request, `no PriorityClass with name ${spec.priorityClassName} was found`);
    } else {
      chosen = findDefault(deps);
      if (chosen) spec.priorityClassName = chosen.metadata.name;
    }
    const computed = {
      priority: chosen?.value ?? 0,
      preemptionPolicy: chosen?.preemptionPolicy ?? 'PreemptLowerPriority',
    };
    for (const [field, what] of [
      ['priority', 'integer value of priority'],
      ['preemptionPolicy', 'string value of PreemptionPolicy'],
    ] as const) {
      const given = spec[field];
      if (given !== undefined && given !== computed[field]) {
        const why = `the ${what} (${given}) must not be provided in pod spec; priority admission controller computed ${computed[field]} from the given PriorityClass name`;
        throw refusal(request, why);
      }
      spec[field] = computed[field];
    }
  },
  validate(request, deps) {
    if (!isClass(request) || !request.object!.globalDefault) return;
    const other = findDefault(deps)?.metadata.name;
    if (other === undefined || (request.operation === 'UPDATE' && other === request.name)) return;
    const why = `PriorityClass ${other} is already marked as default. Only one default can exist`;
    throw refusal(request, why);
  },
};

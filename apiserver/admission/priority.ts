// Turns a pod's priorityClassName into its priority.
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { forbiddenError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { type AdmissionPlugin, isPodCreation } from './plugin.ts';

const priorityGroup = 'scheduling.k8s.io';

export const priority: AdmissionPlugin = {
  name: 'Priority',
  handles: isPodCreation,
  async mutate({ object, name }, { store, kinds }) {
    const { spec } = object!;
    const kind = kinds.kind(priorityGroup, 'PriorityClass');
    const all = () => [...store.resource(kind).list(keyPrefixOf(kind))].map((s) => s.object);
    let chosen: KubeObject | undefined;
    if (spec.priorityClassName) {
      chosen = (await store.find(kind, '', spec.priorityClassName))?.object;
      if (!chosen) {
        throw forbiddenError(
          { group: '', resource: 'pods' },
          name,
          `no PriorityClass with name ${spec.priorityClassName} was found`,
        );
      }
    } else {
      // Of several defaults the lowest counts.
      chosen = all()
        .filter((c) => c.globalDefault)
        .sort((a, b) => a.value - b.value)[0];
      if (chosen) spec.priorityClassName = chosen.metadata.name;
    }
    const value: number = chosen?.value ?? 0;
    if (spec.priority !== undefined && spec.priority !== value) {
      const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
      throw forbiddenError({ group: '', resource: 'pods' }, name, why);
    }
    spec.priority = value;
    spec.preemptionPolicy ??= chosen?.preemptionPolicy ?? 'PreemptLowerPriority';
  },
};

// pods/resize: how much cpu and memory the containers of a pod that runs get from now on.
// Upstream: podResizeStrategy and ValidatePodResize.
// https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import { type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import type { Pod } from '../pod.ts';
import type { Container } from './container.ts';
import { mirrorAnnotation } from './mirror.ts';
import type { PodSpec } from './pod-spec.ts';
import { qosClassOf } from './qos.ts';
import { diffPodSpecs } from './spec-diff.ts';
import { validatePod } from './validation.ts';

const lists = ['containers', 'initContainers'] as const;
const amounts = ['requests', 'limits'] as const;
const resizable = ['cpu', 'memory'] as const;

/** Takes nothing of `sent` but what its containers ask for, and what a change of that needs. */
export function takeResources(draft: Pod, old: Pod, sent: Pod): void {
  const spec = cloneJson(old.spec);
  for (const list of lists) {
    const byName = new Map((sent.spec[list] ?? []).map((container) => [container.name, container]));
    for (const container of spec[list] ?? []) {
      const wanted = byName.get(container.name);
      if (!wanted) continue;
      assign(container, 'resources', wanted.resources);
      assign(container, 'resizePolicy', wanted.resizePolicy);
    }
  }
  draft.spec = spec;
}

function assign<K extends keyof Container>(container: Container, field: K, value: Container[K] | undefined): void {
  if (value === undefined) delete container[field];
  else container[field] = value;
}

export function validatePodResize(next: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    return [forbidden('', 'static pods cannot be resized')];
  }
  const errors = validatePod(next);
  if ((old.status?.qosClass ?? qosClassOf(old.spec)) !== qosClassOf(next.spec)) {
    const detail = 'Pod QOS Class may not change as a result of resizing';
    errors.push(invalid('spec', next.status?.qosClass ?? '', detail));
  }
  if (!isSupportedByNode(old)) errors.push(forbidden('spec', 'Pod running on node without support for resize'));
  for (const list of lists) {
    for (const [i, { resources: was }] of (old.spec[list] ?? []).entries()) {
      const is = next.spec[list]?.[i]?.resources;
      for (const amount of amounts) {
        const isRemoved = Object.keys(was?.[amount] ?? {}).some((name) => is?.[amount]?.[name] === undefined);
        const detail = `resource ${amount} cannot be removed`;
        if (isRemoved) errors.push(forbidden(`spec.${list}[${i}].resources.${amount}`, detail));
      }
    }
  }
  const munged = withoutResize(next.spec, old.spec);
  if (!jsonEqual(munged, old.spec)) {
    const diff = diffPodSpecs(old.spec, munged);
    errors.push(forbidden('spec', `only cpu and memory resources are mutable\n${diff}`));
  }
  return errors;
}

/** A kubelet that can resize says what running containers have got. */
function isSupportedByNode({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running);
  return !running || running.resources !== undefined;
}

/** The new spec with everything that may change as it was before. */
function withoutResize(next: PodSpec, old: PodSpec): PodSpec {
  const munged = cloneJson(next);
  for (const list of lists) {
    for (const [i, container] of (munged[list] ?? []).entries()) {
      const before = old[list]?.[i];
      // Of those that run before the others, only they run on.
      if (list === 'initContainers' && before?.restartPolicy !== 'Always') continue;
      const resources = { ...container.resources };
      for (const amount of amounts) {
        const now = { ...resources[amount] };
        for (const name of resizable) {
          const was = before?.resources?.[amount]?.[name];
          if (was === undefined) delete now[name];
          else now[name] = was;
        }
        if (Object.keys(now).length > 0 || before?.resources?.[amount]) resources[amount] = now;
        else delete resources[amount];
      }
      if (Object.keys(resources).length > 0 || before?.resources) container.resources = resources;
      else delete container.resources;
    }
  }
  return munged;
}

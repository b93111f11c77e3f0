// pods/resize: how much cpu and memory a pod that runs and its containers get from now on.
// Upstream: podResizeStrategy and ValidatePodResize.
// https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import { type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import type { Pod } from '../pod.ts';
import type { Container } from './container.ts';
import { mirrorAnnotation } from './mirror.ts';
import type { PodSpec } from './pod-spec.ts';
import { qosClassOf } from './qos.ts';
import { isSidecar } from './resource-totals.ts';
import { diffPodSpecs } from './spec-diff.ts';
import { validatePod } from './validation.ts';

const lists = ['containers', 'initContainers'] as const;
type List = (typeof lists)[number];
const amounts = ['requests', 'limits'] as const;
const resizable = ['cpu', 'memory'] as const;

/**
 * Takes nothing of `sent` but what it and its containers ask for, and what a change of that needs. Containers that are not those
 * of before, in their order, are taken as they are, for validation to refuse.
 */
export function takeResources(draft: Pod, old: Pod, sent: Pod): void {
  draft.spec = sent.spec;
  if (lists.some((list) => sent.spec[list]?.length !== old.spec[list]?.length)) return;
  const spec = cloneJson(old.spec);
  for (const list of lists) {
    const wanted = sent.spec[list] ?? [];
    if (spec[list]?.some(({ name }, i) => wanted[i]!.name !== name)) {
      spec[list] = wanted;
      continue;
    }
    for (const [i, container] of (spec[list] ?? []).entries()) {
      assign(container, 'resources', wanted[i]!.resources);
      assign(container, 'resizePolicy', wanted[i]!.resizePolicy);
    }
  }
  assign(spec, 'resources', sent.spec.resources);
  draft.spec = spec;
}

function assign<T extends object, K extends keyof T>(target: T, field: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[field];
  else target[field] = value;
}

export function validatePodResize(next: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    return [forbidden('', 'static pods cannot be resized')];
  }
  if (old.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')];
  const errors = validatePod(next, old);
  if ((old.status?.qosClass ?? qosClassOf(old.spec)) !== qosClassOf(next.spec)) {
    const detail = 'Pod QOS Class may not change as a result of resizing';
    errors.push(invalid('spec', next.status?.qosClass ?? '', detail));
  }
  if (!isSupportedByNode(old)) errors.push(forbidden('spec', 'Pod running on node without support for resize'));
  errors.push(...validatePodLevel(next.spec, old.spec));
  const others = lists.flatMap((list) => otherContainers(next.spec[list], old.spec[list], list));
  // What follows compares containers one by one.
  if (others.length > 0) return [...errors, ...others];
  for (const list of lists) {
    for (const [i, before] of (old.spec[list] ?? []).entries()) {
      const after = next.spec[list]![i]!;
      const restarts = after.resizePolicy?.some(({ restartPolicy }) => restartPolicy === 'RestartContainer');
      // What has ended is not started once more.
      if (list === 'initContainers' && !isSidecar(before) && restarts && !jsonEqual(after, before)) {
        const detail = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized';
        errors.push(forbidden(`spec.${list}[${i}]`, detail));
      }
      errors.push(...refuseRemoval(after, before, `spec.${list}[${i}].resources`, 'resource'));
    }
  }
  const munged = withoutResize(next.spec, old.spec);
  if (!jsonEqual(munged, old.spec)) {
    const diff = diffPodSpecs(old.spec, munged);
    errors.push(forbidden('spec', `only cpu and memory resources are mutable\n${diff}`));
  }
  return errors;
}

/** What a pod asks for as a whole. KEP-5419. */
function validatePodLevel(next: PodSpec, old: PodSpec): FieldError[] {
  if (old.resources && !next.resources) return [forbidden('spec.resources', 'pod-level resources cannot be removed')];
  const errors = refuseRemoval(next, old, 'spec.resources', 'pod-level resource');
  const isOther = !jsonEqual(withoutAmounts(next, old).resources ?? {}, old.resources ?? {});
  if (isOther) errors.push(forbidden('spec', 'only cpu and memory resources are mutable at pod-level'));
  return errors;
}

type Asks = Pick<Container, 'resources'>;

function refuseRemoval(next: Asks, old: Asks, path: string, what: string): FieldError[] {
  return amounts.flatMap((amount) => {
    const isRemoved = Object.keys(old.resources?.[amount] ?? {}).some(
      (n) => next.resources?.[amount]?.[n] === undefined,
    );
    return isRemoved ? [forbidden(`${path}.${amount}`, `${what} ${amount} cannot be removed`)] : [];
  });
}

function otherContainers(next: Container[] = [], old: Container[] = [], list: List): FieldError[] {
  if (next.length !== old.length) return [forbidden(`spec.${list}`, `${list} may not be added or removed on resize`)];
  return old.flatMap(({ name }, i) => {
    const detail = `${list} may not be renamed or reordered on resize`;
    return next[i]!.name === name ? [] : [forbidden(`spec.${list}[${i}].name`, detail)];
  });
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
      if (before) munged[list]![i] = withoutAmounts(container, before);
    }
  }
  // Its own errors tell of the rest.
  assign(munged, 'resources', old.resources);
  return munged;
}

/** With as much of cpu and memory as before. */
function withoutAmounts<T extends Asks>(next: T, before: Asks): T {
  const resources = { ...next.resources };
  for (const amount of amounts) {
    const now = { ...resources[amount] };
    for (const name of resizable) {
      const was = before.resources?.[amount]?.[name];
      if (was === undefined) delete now[name];
      else now[name] = was;
    }
    if (Object.keys(now).length > 0 || before.resources?.[amount]) resources[amount] = now;
    else delete resources[amount];
  }
  const { resources: _, ...rest } = next;
  return (Object.keys(resources).length > 0 || before.resources ? { ...rest, resources } : rest) as T;
}

// The containers of a pod, of every sort.
import type { Container } from './container.ts';
import type { PodSpec } from './pod-spec.ts';

export function containersOf(spec: PodSpec) {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

/** All of them with their paths, in the order in which upstream looks at them. */
export const containersWithPaths = (spec: PodSpec, path: string): { container: Container; at: string }[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i) => ({ container: container as Container, at: `${path}.${list}[${i}]` })),
  );

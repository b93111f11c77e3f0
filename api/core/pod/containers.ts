// The containers of a pod, of every sort.
import type { PodSpec } from './pod-spec.ts';

export function containersOf(spec: PodSpec) {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

// A short hash of what may change in a container of a running pod, its image; noted on the
// container so that a change is seen later. Upstream: kubecontainer.HashContainer (FNV-1a, 32
// bits).
import type { Container } from '../../api/core/pod/container.ts';

export function hashContainer({ name, image }: Pick<Container, 'name' | 'image'>): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify({ name, image }))) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash.toString(16);
}

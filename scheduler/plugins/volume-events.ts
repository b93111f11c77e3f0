// Which changes of storage concern a pod that waits.
import { claimKeyOf } from '../../api/core/persistentvolume/binding.ts';
import { keyOf } from '../../machinery/metadata.ts';
import type { ClusterEvent } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';

/** One of its claims, a volume that is theirs or may become so, or a class. */
export function concernsClaims(event: ClusterEvent, { claims }: PodInfo): boolean {
  if (claims.length === 0) return false;
  if (event.type === 'ClaimChanged') return claims.some(({ key }) => key === keyOf(event.claim));
  if (event.type === 'VolumeChanged') {
    const owner = claimKeyOf(event.volume);
    return owner === undefined || claims.some(({ key }) => key === owner);
  }
  return event.type === 'StorageClassChanged';
}

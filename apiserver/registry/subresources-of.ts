// The subresources of a kind, for whoever tells of them: discovery and OpenAPI.
import type { CustomSubresource, GroupVersionKind, Kind } from '../../machinery/kind.ts';

/** What every `scale` speaks. */
export const scaleVersion: GroupVersionKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

/** As name, verbs and the kind they speak. */
export function subresourcesOf(kind: Kind): CustomSubresource[] {
  const out: CustomSubresource[] = [...(kind.subresources.custom ?? [])];
  if (kind.subresources.scale) out.push({ name: 'scale', verbs: ['get', 'patch', 'update'], kind: scaleVersion });
  if (kind.subresources.status) out.push({ name: 'status', verbs: ['get', 'patch', 'update'] });
  // Of what is defined the status comes first.
  return kind.isCustom ? out.reverse() : out.sort((a, b) => (a.name < b.name ? -1 : 1));
}

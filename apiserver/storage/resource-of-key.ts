// Which resource a key of etcd belongs to: `/registry/pods/...`, `/registry/apps/deployments/...`.
import type { GroupResource } from '../../machinery/errors.ts';

const registryPrefix = '/registry/';

/** Only a group has a dot, but for Kubernetes' oldest ones, which `oldGroups` names. Undefined: of no resource. */
export function resourceOfKey(key: string, oldGroups: ReadonlySet<string>): GroupResource | undefined {
  if (!key.startsWith(registryPrefix)) return undefined;
  const [first = '', second = ''] = key.slice(registryPrefix.length).split('/', 2);
  return first.includes('.') || oldGroups.has(first)
    ? { group: first, resource: second }
    : { group: '', resource: first };
}

// The user namespace of a sandbox: which ids of the node its ids stand for.
// https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
import type { ContainerConfig, IDMapping, LinuxSandboxSecurityContext } from '../../../proto/cri.gen.ts';
import type { OciIdMapping, OciSpec } from './oci.ts';

export interface IdMappings {
  uids: IDMapping;
  gids: IDMapping;
}

/** The highest id that can be mapped. */
const maxId = 2 ** 32 - 2;

type Config = { linux: { security_context: Pick<LinuxSandboxSecurityContext, 'namespace_options'> | null } | null };

/** The ids of a sandbox; undefined where it has those of the node. Throws an Error for what cannot be mapped. */
export function idMappingsOf(config: Config): IdMappings | undefined {
  const options = config.linux?.security_context?.namespace_options;
  const wanted = options?.userns_options;
  if (!wanted || wanted.mode === 'NODE') return undefined;
  if (wanted.mode !== 'POD') throw new Error(`unsupported user namespace mode: ${wanted.mode}`);
  const shared = (['network', 'pid', 'ipc'] as const).find((type) => options[type] === 'NODE');
  if (shared)
    throw new Error(`a sandbox with the ${shared} namespace of the node can have no user namespace of its own`);
  return { uids: onlyMapping('uid', wanted.uids), gids: onlyMapping('gid', wanted.gids) };
}

function onlyMapping(what: string, mappings: readonly IDMapping[]): IDMapping {
  const [mapping, ...more] = mappings;
  if (!mapping || more.length > 0) throw new Error(`only one ${what} mapping is supported, got ${mappings.length}`);
  const { container_id, host_id, length } = mapping;
  if (container_id !== 0)
    throw new Error(`the ${what} mapping must begin with 0 in the container, not ${container_id}`);
  if (host_id === 0) throw new Error(`the ${what} mapping must not hold the root of the node`);
  if (length === 0 || host_id + length - 1 > maxId)
    throw new Error(`the ${what} mapping has no valid length: ${length}`);
  return mapping;
}

/** What a spec says of its user namespace. */
export function mappingFields(ids: IdMappings | undefined): Pick<OciSpec['linux'], 'uidMappings' | 'gidMappings'> {
  const toOci = ({ container_id, host_id, length }: IDMapping): OciIdMapping[] => [
    { containerID: container_id, hostID: host_id, size: length },
  ];
  return ids ? { uidMappings: toOci(ids.uids), gidMappings: toOci(ids.gids) } : {};
}

/** Throws an Error where a process would have an id that the user namespace does not have. */
export function checkIds(
  { uid, gid, supplementalGroups }: { uid: number; gid: number; supplementalGroups: readonly number[] },
  { uids, gids }: IdMappings,
): void {
  if (uid >= uids.length) throw new Error(`user ${uid} is not mapped: the pod's user namespace has ${uids.length}`);
  const group = [gid, ...supplementalGroups].find((id) => id >= gids.length);
  if (group !== undefined) throw new Error(`group ${group} is not mapped: the pod's user namespace has ${gids.length}`);
}

interface ContainerIds extends Config {
  mounts: readonly Pick<ContainerConfig['mounts'][number], 'container_path' | 'uidMappings' | 'gidMappings'>[];
}

/** Throws an Error for other ids of a container than its sandbox has; a mount may also have none. */
export function checkContainerIds(config: ContainerIds, ids: IdMappings | undefined): void {
  const isOf = (mappings: readonly IDMapping[], own: IDMapping | undefined) =>
    mappings.length === 1 && mappings[0]!.host_id === own?.host_id && mappings[0]!.length === own.length;
  if (config.linux?.security_context?.namespace_options?.userns_options) {
    const own = idMappingsOf(config);
    if (own ? !isOf([own.uids], ids?.uids) || !isOf([own.gids], ids?.gids) : ids !== undefined)
      throw new Error('the user namespace of the container is not that of the sandbox');
  }
  for (const { container_path: path, uidMappings, gidMappings } of config.mounts) {
    if (uidMappings.length + gidMappings.length === 0) continue;
    if (!isOf(uidMappings, ids?.uids) || !isOf(gidMappings, ids?.gids))
      throw new Error(`the id mappings of the mount at "${path}" are not those of the sandbox`);
  }
}

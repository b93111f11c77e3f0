// The OCI spec of a sandbox's pause process: it owns the pod's namespaces and sysctls and does nothing else.
import type { IDMapping, PodSandboxConfig } from '../../../proto/cri.gen.ts';
import { buildNamespaces, type NodeFacts } from './container.ts';
import { type OciNamespaceType, type OciSpec, ociVersion } from './oci.ts';
import { defaultDeviceRules } from './resources.ts';
import { idMappingsOf, mappingFields } from './user-namespace.ts';

export interface SandboxSpecInput {
  config: PodSandboxConfig;
  hostname: string;
  /** Where the pause program lies as /pause. */
  rootfs: string;
  cgroupPath: string;
  node: NodeFacts;
}

const pauseCpuShares = 2;
const pauseOomScoreAdj = -998;

export function buildSandboxSpec(input: SandboxSpecInput): OciSpec {
  const { config, node } = input;
  const safe = ['nosuid', 'noexec', 'nodev'];
  const nodeNetwork = usesNodeNamespace(config, 'network');
  const ids = idMappingsOf(config);
  return {
    ociVersion,
    process: {
      terminal: false,
      user: { uid: nobody(ids?.uids), gid: nobody(ids?.gids) },
      args: ['/pause', '-P'],
      env: [],
      cwd: '/',
      noNewPrivileges: true,
      oomScoreAdj: Math.max(pauseOomScoreAdj, node.minOomScoreAdj),
    },
    root: { path: input.rootfs, readonly: true },
    ...(nodeNetwork ? {} : { hostname: input.hostname }),
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: safe },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'mode=755', 'size=4k'] },
    ],
    linux: {
      namespaces: buildNamespaces({ ...sandboxNamespaces(config), ...(ids ? {} : { user: null }) }),
      ...mappingFields(ids),
      cgroupsPath: input.cgroupPath,
      resources: { cpu: { shares: pauseCpuShares }, devices: [...defaultDeviceRules] },
      sysctl: config.linux?.sysctls ?? {},
    },
  };
}

/** The highest of the usual ids that there is. */
const nobody = (ids: IDMapping | undefined) => Math.min(65_536, ids?.length ?? 65_536) - 1;

/** Whether the pod uses the node's own namespace instead of one of the sandbox. */
export function usesNodeNamespace(config: PodSandboxConfig, type: 'network' | 'pid' | 'ipc'): boolean {
  return config.linux?.security_context?.namespace_options?.[type] === 'NODE';
}

function sandboxNamespaces(config: PodSandboxConfig): Partial<Record<OciNamespaceType, null>> {
  return {
    // A pod on the node's network also has its host name.
    ...(usesNodeNamespace(config, 'network') ? { network: null, uts: null } : {}),
    ...(usesNodeNamespace(config, 'pid') ? { pid: null } : {}),
    ...(usesNodeNamespace(config, 'ipc') ? { ipc: null } : {}),
  };
}

// A container's OCI spec from its CRI config, its image and the facts of its node. Pure: whatever needs the node (user
// lookup, mount sources, device numbers, seccomp files) is looked up before and passed in.
import type { ContainerConfig, LinuxContainerSecurityContext } from '../../../proto/cri.gen.ts';
import type { ImageConfig } from '../image/image-config.ts';
import type { ContainerUserIds } from '../store/records.ts';
import { type AppArmorHost, chooseAppArmorProfile } from './apparmor.ts';
import { buildCapabilities } from './capability.ts';
import { buildMounts, type ResolvedMount, rootfsPropagationFor, type SandboxFiles } from './mount.ts';
import {
  type OciDevice,
  type OciNamespaceType,
  type OciProcess,
  type OciSeccomp,
  type OciSpec,
  ociVersion,
} from './oci.ts';
import { buildResources, type CgroupFacts, defaultDeviceRules } from './resources.ts';
import { type IdMappings, mappingFields } from './user-namespace.ts';

export interface NodeFacts {
  cgroups: CgroupFacts;
  /** What the runtime itself holds: more cannot be given. */
  capabilities: readonly string[];
  /** The lowest oom_score_adj that we may set. */
  minOomScoreAdj: number;
  appArmor: AppArmorHost;
}

export interface ContainerSpecInput {
  config: ContainerConfig;
  image: ImageConfig;
  user: ContainerUserIds & { home: string };
  hostname: string;
  rootfs: string;
  cgroupPath: string;
  files: SandboxFiles;
  mounts: readonly ResolvedMount[];
  devices: readonly (OciDevice & { access: string })[];
  /** Path of each namespace to join; an own one for those absent; null for the node's. */
  namespaces: Partial<Record<OciNamespaceType, string | null>>;
  /** Of the user namespace, where it is not the node's. */
  ids: IdMappings | undefined;
  seccomp: OciSeccomp | undefined;
  node: NodeFacts;
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const namespaceTypes: readonly OciNamespaceType[] = ['user', 'network', 'ipc', 'uts', 'pid', 'mount', 'cgroup'];

export function buildContainerSpec(input: ContainerSpecInput): OciSpec {
  const { config, node } = input;
  const security = config.linux?.security_context ?? null;
  const privileged = security?.privileged ?? false;
  const readonlyRootfs = security?.readonly_rootfs ?? false;
  const rules = input.devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access }));
  return {
    ociVersion,
    process: buildProcess(input, security),
    root: { path: input.rootfs, readonly: readonlyRootfs },
    mounts: buildMounts(input.files, input.mounts, { privileged, readonlyRootfs, cgroupVersion: node.cgroups.version }),
    linux: {
      namespaces: buildNamespaces(input.namespaces),
      ...mappingFields(input.ids),
      cgroupsPath: input.cgroupPath,
      resources: {
        ...buildResources(config.linux?.resources ?? null, node.cgroups),
        devices: privileged ? [...node.cgroups.devices] : [...defaultDeviceRules, ...rules],
      },
      devices: input.devices.map(({ access: _, ...device }) => device),
      maskedPaths: privileged ? [] : (security?.masked_paths ?? []),
      readonlyPaths: privileged ? [] : (security?.readonly_paths ?? []),
      ...(input.seccomp ? { seccomp: input.seccomp } : {}),
      ...propagationField(input.mounts),
    },
  };
}

function propagationField(mounts: readonly ResolvedMount[]): { rootfsPropagation?: string } {
  const rootfsPropagation = rootfsPropagationFor(mounts);
  return rootfsPropagation ? { rootfsPropagation } : {};
}

/** The namespaces of a spec: joined by path, made new where there is none, the node's where it is null. */
export function buildNamespaces(paths: ContainerSpecInput['namespaces']): OciSpec['linux']['namespaces'] {
  return namespaceTypes
    .filter((type) => paths[type] !== null)
    .map((type) => {
      const path = paths[type];
      return path ? { type, path } : { type };
    });
}

function buildProcess(input: ContainerSpecInput, security: LinuxContainerSecurityContext | null): OciProcess {
  const { config, image, user, node } = input;
  const wantedOomAdj = Number(config.linux?.resources?.oom_score_adj ?? 0);
  const isPrivileged = security?.privileged ?? false;
  const profile = chooseAppArmorProfile(security?.apparmor ?? null, { isPrivileged, host: node.appArmor });
  return {
    terminal: config.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.supplementalGroups },
    args: buildArgs(config, image),
    env: buildEnv(input),
    cwd: config.working_dir || image.workingDir || '/',
    capabilities: buildCapabilities(security?.capabilities ?? null, {
      privileged: security?.privileged ?? false,
      available: node.capabilities,
    }),
    noNewPrivileges: security?.no_new_privs ?? false,
    oomScoreAdj: Math.max(wantedOomAdj, node.minOomScoreAdj),
    ...(profile === undefined ? {} : { apparmorProfile: profile }),
  };
}

/** Command and arguments. Throws an Error when neither the pod nor the image has any. */
export function buildArgs(config: Pick<ContainerConfig, 'command' | 'args'>, image: ImageConfig): string[] {
  // A command from the pod replaces entrypoint and arguments of the image; arguments alone keep the entrypoint.
  const command = config.command.length > 0 ? config.command : image.entrypoint;
  const imageArgs = config.command.length > 0 ? [] : image.cmd;
  const args = [...command, ...(config.args.length > 0 ? config.args : imageArgs)];
  if (args.length === 0) throw new Error('no command specified');
  return args;
}

function buildEnv({ config, image, hostname, user }: ContainerSpecInput): string[] {
  const values = new Map<string, string>();
  const add = (entry: string) => {
    const at = entry.indexOf('=');
    if (at > 0) values.set(entry.slice(0, at), entry.slice(at + 1));
  };
  add(defaultPath);
  if (config.tty) add('TERM=xterm');
  add(`HOSTNAME=${hostname}`);
  image.env.forEach(add);
  for (const { key, value } of config.envs) values.set(key, Buffer.from(value).toString());
  if (!values.has('HOME')) values.set('HOME', user.home);
  return [...values].map(([key, value]) => `${key}=${value}`);
}

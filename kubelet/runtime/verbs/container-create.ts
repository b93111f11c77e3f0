// CreateContainer: everything a container needs short of a process, which StartContainer makes, so that a command that
// cannot run is an error of the start. Not idempotent: the same metadata twice is ALREADY_EXISTS.
import { mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ContainerConfig, CreateContainerRequest } from '../../../proto/cri.gen.ts';
import { alreadyExists, asInvalid, invalidArgument, notFound } from '../errors.ts';
import { type ImageRecord, imageIdOf, imageRefOf } from '../image/image-store.ts';
import { giveToRoot, mapMounts, mountLayers, type UserNamespace, userNamespaceOf } from '../lifecycle/bundle-mounts.ts';
import { checkResources } from '../lifecycle/cgroup-inputs.ts';
import { eraseContainer } from '../lifecycle/container-end.ts';
import { lookUpDevices, lookUpSeccomp, lookUpUser, resolveMounts } from '../lifecycle/container-inputs.ts';
import { containersOf, findReadySandbox } from '../lifecycle/find.ts';
import { mountImages } from '../lifecycle/image-mounts.ts';
import { makeImageVolumes } from '../lifecycle/image-volumes.ts';
import { bundleDirOf, rootfsOf, sandboxFilesOf, upperDirOf, workDirOf } from '../lifecycle/paths.ts';
import { hostnameOf } from '../lifecycle/sandbox-files.ts';
import { checkText } from '../lifecycle/sandbox-inputs.ts';
import type { Runtime } from '../runtime.ts';
import { buildCapabilities, findUnknownCapability } from '../spec/capability.ts';
import { buildContainerSpec, type ContainerSpecInput } from '../spec/container.ts';
import type { ResolvedMount } from '../spec/mount.ts';
import { usesNodeNamespace } from '../spec/sandbox.ts';
import { chooseStopSignal } from '../spec/signal.ts';
import { checkContainerIds, checkIds, type IdMappings, idMappingsOf } from '../spec/user-namespace.ts';
import { newId, nowNs } from '../store/id.ts';
import type { ContainerRecord, SandboxRecord } from '../store/records.ts';
import type { Verb } from './verb.ts';

type JoinableSandbox = SandboxRecord & { pause: { pid: number } };

export const createContainer: Verb<'CreateContainer'> = async (rt, req) => {
  const { sandbox, config, image } = lookUpParts(rt, req);
  const id = newId();
  const space = userNamespaceOf(sandbox);
  try {
    await mountRootfs(rt, id, { image, space });
    const declared = await makeImageVolumes(rt, id, { declared: image.config.volumes ?? [], config, space });
    const images = await mountImages(rt, id, { mounts: config.mounts, space });
    const asked = await mapMounts(rt, id, { mounts: resolveMounts(config.mounts), space });
    const mounts = [...declared, ...images, ...asked];
    // From here to the record nothing is waited for. What was true before may not be: sandbox and
    // image may be going, and another call may have made the container.
    lookUpParts(rt, req);
    const record = prepareContainer(rt, { id, sandbox, config, image, mounts, ids: space?.ids });
    rt.containers.save(record);
  } catch (err) {
    await eraseContainer(rt, id);
    throw err;
  }
  rt.events.publish({ id, sandboxId: sandbox.id, type: 'CONTAINER_CREATED_EVENT', atNs: nowNs(rt.clock) });
  return { container_id: id };
};

function lookUpParts(rt: Runtime, req: CreateContainerRequest): Pick<Preparation, 'sandbox' | 'config' | 'image'> {
  const sandbox = findReadySandbox(rt, req.pod_sandbox_id);
  const config = checkContainerConfig(rt, sandbox, req.config);
  const image = rt.images.find(config.image?.image ?? '');
  if (!image) throw notFound(`failed to resolve image "${config.image?.image}": not found`);
  return { sandbox, config, image };
}

function checkContainerConfig(rt: Runtime, sandbox: JoinableSandbox, config: ContainerConfig | null): ContainerConfig {
  const metadata = config?.metadata;
  if (!config || !metadata) throw invalidArgument('container config must include metadata');
  const unknown = findUnknownCapability(config.linux?.security_context?.capabilities ?? null);
  if (unknown) throw invalidArgument(`unknown capability "${unknown}"`);
  if (config.CDI_devices.length > 0) throw invalidArgument('CDI devices are not supported by this runtime');
  checkResources(config.linux?.resources);
  asInvalid(() => checkContainerIds(config, idMappingsOf(sandbox.config)));
  const twin = containersOf(rt, sandbox.id).find(
    (c) => c.config.metadata!.name === metadata.name && c.config.metadata!.attempt === metadata.attempt,
  );
  if (twin) throw alreadyExists(`container name ${metadata.name} is reserved for "${twin.id}"`);
  return config;
}

async function mountRootfs(
  rt: Runtime,
  id: string,
  { image, space }: { image: ImageRecord; space: UserNamespace | undefined },
): Promise<void> {
  const [upperDir, workDir, target] = [upperDirOf(rt, id), workDirOf(rt, id), rootfsOf(rt, id)];
  mkdirSync(target, { recursive: true });
  mkdirSync(upperDir, { recursive: true, mode: 0o755 });
  giveToRoot(upperDir, space?.ids);
  mkdirSync(workDir);
  await mountLayers(rt, id, { image, space, writable: { upperDir, workDir }, target });
}

interface Preparation {
  id: string;
  sandbox: JoinableSandbox;
  config: ContainerConfig;
  image: ImageRecord;
  /** Volumes that the image declares, images mounted as volumes, folders of the node. */
  mounts: ResolvedMount[];
  ids: IdMappings | undefined;
}

/** Writes the bundle and answers the record. */
function prepareContainer(rt: Runtime, { id, sandbox, config, image, mounts, ids }: Preparation): ContainerRecord {
  const rootfs = rootfsOf(rt, id);
  const user = lookUpUser(config, image.config, rootfs);
  if (ids) asInvalid(() => checkIds(user, ids));
  const cgroupPath = rt.cgroups.pathOf(sandbox.config.linux?.cgroup_parent ?? '', id);
  const security = config.linux?.security_context;
  const privileged = security?.privileged ?? false;
  const capabilities = buildCapabilities(security?.capabilities ?? null, {
    privileged,
    available: rt.node.capabilities,
  });
  const input: ContainerSpecInput = {
    config,
    image: image.config,
    user,
    hostname: hostnameOf(rt, sandbox.config),
    rootfs,
    cgroupPath,
    files: sandboxFilesOf(rt, sandbox.id, usesNodeNamespace(sandbox.config, 'ipc')),
    mounts,
    ids,
    devices: lookUpDevices(config.devices, privileged),
    namespaces: namespacePaths(rt, sandbox, config),
    seccomp: lookUpSeccomp(config, capabilities.bounding, rt.nodeArch),
    node: rt.node,
  };
  const spec = asInvalid(() => buildContainerSpec(input));
  writeFileSync(join(bundleDirOf(rt, id), 'config.json'), checkText(JSON.stringify(spec)), { mode: 0o600 });
  return {
    id,
    sandboxId: sandbox.id,
    config,
    imageId: imageIdOf(image),
    imageRef: imageRefOf(image),
    user: { uid: user.uid, gid: user.gid, supplementalGroups: user.supplementalGroups },
    stopSignal: chooseStopSignal(config.stop_signal, image.config.stopSignal),
    logPath: logPathOf(sandbox, config),
    resources: config.linux?.resources ?? null,
    cgroupPath,
    createdAtNs: nowNs(rt.clock),
  };
}

function logPathOf(sandbox: SandboxRecord, config: ContainerConfig): string {
  if (config.log_path === '') return '';
  return isAbsolute(config.log_path) ? config.log_path : join(sandbox.config.log_directory, config.log_path);
}

function namespacePaths(
  rt: Runtime,
  sandbox: JoinableSandbox,
  config: ContainerConfig,
): ContainerSpecInput['namespaces'] {
  const options = config.linux?.security_context?.namespace_options;
  const ofSandbox = (type: string) => `/proc/${sandbox.pause.pid}/ns/${type}`;
  const onNode = (type: 'network' | 'pid' | 'ipc') => usesNodeNamespace(sandbox.config, type);
  const hasOwnUsers = idMappingsOf(sandbox.config) !== undefined;
  const seesCgroups = config.linux?.security_context?.privileged && !hasOwnUsers;
  return {
    user: hasOwnUsers ? ofSandbox('user') : null,
    network: onNode('network') ? null : ofSandbox('net'),
    uts: onNode('network') ? null : ofSandbox('uts'),
    ipc: onNode('ipc') ? null : ofSandbox('ipc'),
    ...pidNamespace(rt, ofSandbox('pid'), options?.pid ?? 'POD', options?.target_id ?? ''),
    // A privileged container manages cgroups, so it sees the node's, unless these are nothing to its users.
    ...(seesCgroups && rt.cgroups.facts.version === 1 ? { cgroup: null } : {}),
  };
}

function pidNamespace(rt: Runtime, ofSandbox: string, mode: string, targetId: string): { pid?: string | null } {
  if (mode === 'NODE') return { pid: null };
  if (mode === 'POD') return { pid: ofSandbox };
  if (mode === 'CONTAINER') return {};
  const target = rt.containers.find(targetId);
  if (!target?.process || target.finishedAtNs) throw invalidArgument(`target container "${targetId}" is not running`);
  return { pid: `/proc/${target.process.pid}/ns/pid` };
}

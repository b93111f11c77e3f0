// RunPodSandbox: a pause process in new namespaces, connected to the pod network. Not idempotent: the same metadata
// twice is ALREADY_EXISTS. On failure nothing stays behind.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../machinery/errors.ts';
import type { PodSandboxConfig } from '../../../proto/cri.gen.ts';
import { alreadyExists, invalidArgument, unavailable } from '../errors.ts';
import { checkCgroupParent } from '../lifecycle/cgroup-inputs.ts';
import { bundleDirOf, shmOf } from '../lifecycle/paths.ts';
import { hostnameOf, writeSandboxFiles } from '../lifecycle/sandbox-files.ts';
import {
  checkHostname,
  checkPortMappings,
  checkSysctls,
  checkText,
  refusedSysctl,
} from '../lifecycle/sandbox-inputs.ts';
import { tearDownSandbox } from '../lifecycle/sandbox-teardown.ts';
import { requireUserNamespaces } from '../lifecycle/user-namespaces.ts';
import { hostPortsOf } from '../network/firewall.ts';
import { linkNameOf } from '../network/link.ts';
import { mountTmpfs } from '../process/mount.ts';
import { handlersOf, type Runtime } from '../runtime.ts';
import { buildSandboxSpec, usesNodeNamespace } from '../spec/sandbox.ts';
import { type IdMappings, idMappingsOf } from '../spec/user-namespace.ts';
import { newId, nowNs } from '../store/id.ts';
import type { SandboxRecord } from '../store/records.ts';
import type { Verb } from './verb.ts';

const shmOptions = (ids: IdMappings | undefined) =>
  `mode=1777,size=67108864${ids ? `,uid=${ids.uids.host_id},gid=${ids.gids.host_id}` : ''}`;

export const runPodSandbox: Verb<'RunPodSandbox'> = async (rt, req) => {
  // The checks come after all that is waited for.
  await requireUserNamespaces(rt, req.config);
  const config = checkSandboxConfig(rt, req.config, req.runtime_handler);
  const id = newId();
  let record: SandboxRecord = { id, config, createdAtNs: nowNs(rt.clock), phase: 'creating' };
  try {
    if (!usesNodeNamespace(config, 'network')) {
      record = { ...record, ip: allocateIp(rt, id), linkName: linkNameOf(config.metadata!.uid) };
    }
    rt.sandboxes.save(record);
    writeSandboxFiles(rt, id, config, record.ip);
    record = await startPause(rt, record);
    rt.sandboxes.save({ ...record, phase: 'ready' });
  } catch (err) {
    await tearDownSandbox(rt, record);
    await rt.sandboxes.remove(id);
    throw refusedSysctl(err) ?? err;
  }
  const atNs = nowNs(rt.clock);
  rt.events.publish({ id, sandboxId: id, type: 'CONTAINER_CREATED_EVENT', atNs });
  rt.events.publish({ id, sandboxId: id, type: 'CONTAINER_STARTED_EVENT', atNs });
  return { pod_sandbox_id: id };
};

function checkSandboxConfig(rt: Runtime, config: PodSandboxConfig | null, handler: string): PodSandboxConfig {
  const metadata = config?.metadata;
  if (!config || !metadata) throw invalidArgument('sandbox config must include metadata');
  if (!handlersOf(rt).includes(handler)) {
    throw invalidArgument(`failed to get sandbox runtime: no runtime for "${handler}" is configured`);
  }
  checkCgroupParent(config.linux?.cgroup_parent ?? '');
  checkHostname(config.hostname);
  checkPortMappings(config.port_mappings);
  checkSysctls(config);
  const twin = rt.sandboxes.list().find((s) => {
    const other = s.config.metadata!;
    const same = other.name === metadata.name && other.namespace === metadata.namespace && other.uid === metadata.uid;
    return same && other.attempt === metadata.attempt;
  });
  if (twin) throw alreadyExists(`sandbox name of ${metadata.namespace}/${metadata.name} is reserved for "${twin.id}"`);
  return config;
}

function allocateIp(rt: Runtime, id: string): string {
  try {
    return rt.network.allocateIp(id);
  } catch (err) {
    throw unavailable(`failed to setup network for sandbox "${id}": ${messageOf(err)}`);
  }
}

/** Starts the pause process; its network is connected while it starts. */
async function startPause(rt: Runtime, record: SandboxRecord): Promise<SandboxRecord> {
  const { id, config, ip, linkName } = record;
  const bundleDir = bundleDirOf(rt, id);
  mkdirSync(shmOf(rt, id), { recursive: true });
  const spec = buildSandboxSpec({
    config,
    hostname: hostnameOf(rt, config),
    rootfs: rt.paths.pauseRoot,
    cgroupPath: rt.cgroups.pathOf(config.linux?.cgroup_parent ?? '', id),
    node: rt.node,
  });
  writeFileSync(join(bundleDir, 'config.json'), checkText(JSON.stringify(spec)));
  const shm = usesNodeNamespace(config, 'ipc')
    ? Promise.resolve()
    : mountTmpfs(shmOf(rt, id), shmOptions(idMappingsOf(config)));
  const [pause] = await settleAll([rt.oci.create({ id, bundleDir, exitDir: rt.paths.exitDir }), shm]);
  const next = { ...record, pause };
  rt.sandboxes.save(next);
  const ports = hostPortsOf(config.port_mappings, ip ?? '');
  const connected = linkName && ip ? rt.network.attach(pause.pid, { name: linkName, ip }) : Promise.resolve();
  const opened = ip ? rt.network.openPorts(id, ports) : Promise.resolve();
  await settleAll([rt.oci.start(id), connected, opened]);
  return next;
}

/** Like Promise.all, but fails only when all have settled, so that cleaning up does not race with them. */
async function settleAll<T extends readonly unknown[]>(
  work: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const results = await Promise.allSettled(work as readonly Promise<unknown>[]);
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
  return results.map((r) => (r as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

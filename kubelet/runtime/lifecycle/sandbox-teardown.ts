// Ending a sandbox: its containers, its network, its pause process. Every step may find its work already done.
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { signalProcess } from '../process/identity.ts';
import { unmountBelow } from '../process/mount.ts';
import type { Runtime } from '../runtime.ts';
import { nowNs } from '../store/id.ts';
import { type SandboxRecord, stateOf } from '../store/records.ts';
import { endContainer } from './container-end.ts';
import { containersOf } from './find.ts';
import { bundleDirOf, exitFileOf, shmOf } from './paths.ts';

/** Frees everything a sandbox holds but its record. */
export async function tearDownSandbox(rt: Runtime, record: SandboxRecord): Promise<void> {
  const { id, ip, linkName, pause } = record;
  if (pause) signalProcess(pause, 'SIGKILL');
  await rt.network.closePorts(id);
  if (linkName && !linkIsShared(rt, record)) await rt.network.detach(linkName);
  await rt.oci.delete(id);
  await rt.cgroups.remove(rt.cgroups.pathOf(record.config.linux?.cgroup_parent ?? '', id));
  await unmountBelow(shmOf(rt, id));
  if (ip) rt.network.releaseIp(id, ip);
  await rm(bundleDirOf(rt, id), { recursive: true, force: true });
  rmSync(exitFileOf(rt, id), { force: true });
}

/** A newer sandbox of the same pod has taken the link's name over. */
function linkIsShared(rt: Runtime, record: SandboxRecord): boolean {
  return rt.sandboxes.list().some((s) => s.id !== record.id && s.linkName === record.linkName && s.phase !== 'stopped');
}

/** Stops a sandbox and all its containers. Stopping a stopped one does nothing. */
export function stopSandbox(rt: Runtime, id: string): Promise<void> {
  return rt.locks.run(id, async () => {
    const record = rt.sandboxes.get(id);
    if (!record) return;
    const running = containersOf(rt, id).filter((c) => stateOf(c) === 'CONTAINER_RUNNING');
    await Promise.all(running.map((c) => endContainer(rt, c, 0)));
    await tearDownSandbox(rt, record);
    markSandboxStopped(rt, id);
  });
}

/** Notes the end of a sandbox's pause process, once. */
export function markSandboxStopped(rt: Runtime, id: string): void {
  const record = rt.sandboxes.get(id);
  if (!record || record.phase === 'stopped') return;
  rt.sandboxes.update(id, { phase: 'stopped' });
  rt.events.publish({ id, sandboxId: id, type: 'CONTAINER_STOPPED_EVENT', atNs: nowNs(rt.clock) });
}

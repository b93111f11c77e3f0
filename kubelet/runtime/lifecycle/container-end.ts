// The end of a container: asking for it, noticing it, and freeing what the running container held.

import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { ifThereSync } from '../../../host/if-there.ts';
import { conmonPaths } from '../process/conmon.ts';
import { signalProcess } from '../process/identity.ts';
import type { Runtime } from '../runtime.ts';
import { nowNs } from '../store/id.ts';
import { type ContainerRecord, stateOf } from '../store/records.ts';
import { unmountBundle } from './bundle-mounts.ts';
import { bundleDirOf, exitFileOf } from './paths.ts';

const killed = 137;
/** What a lost exit counts as: the process is gone and nobody saw how. */
const unknownExitCode = 255;

/** What conmon wrote about the end of a process, or undefined when it has not (yet). */
function readExitReport(path: string) {
  const exitCode = Number.parseInt(ifThereSync(() => readFileSync(path, 'utf8')) ?? '', 10);
  const stats = Number.isNaN(exitCode) ? undefined : ifThereSync(() => statSync(path, { bigint: true }));
  return stats && { exitCode, atNs: String(stats.mtimeNs) };
}

/**
 * Notes that a container ended: from its exit file, or as unknown when its process vanished without one. Wakes those
 * who wait for it, then frees its cgroup and mounts.
 */
export async function noteContainerExit(rt: Runtime, id: string): Promise<void> {
  const record = rt.containers.get(id);
  if (!record || stateOf(record) !== 'CONTAINER_RUNNING') return;
  const report = readExitReport(exitFileOf(rt, id)) ?? readExitReport(conmonPaths(bundleDirOf(rt, id)).exitCopy);
  const exitCode = report?.exitCode ?? unknownExitCode;
  const oomKilled = exitCode === killed && wasOomKilled(rt, record);
  const reason = !report ? 'Unknown' : oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
  const finishedAtNs = report?.atNs ?? nowNs(rt.clock);
  rt.containers.update(id, { finishedAtNs, exitCode, reason });
  rt.events.publish({ id, sandboxId: record.sandboxId, type: 'CONTAINER_STOPPED_EVENT', atNs: finishedAtNs });
  await rt.locks.run(id, () => releaseContainer(rt, id));
}

/** conmon marks it; its mark may come after the exit file, so the cgroup is asked as well while it is there. */
function wasOomKilled(rt: Runtime, record: ContainerRecord): boolean {
  if (existsSync(conmonPaths(bundleDirOf(rt, record.id)).oomMark)) return true;
  const file = rt.cgroups.facts.version === 1 ? 'memory.oom_control' : 'memory.events';
  const text = rt.cgroups.read('memory', record.cgroupPath, file) ?? '';
  return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0) > 0;
}

/** Frees the cgroup and mounts of a container that does not run, killing what it left behind. Idempotent. */
export async function releaseContainer(rt: Runtime, id: string): Promise<void> {
  await releaseProcess(rt, id);
  await unmountBundle(rt, id);
}

/** Frees the cgroup of a container that does not run, also of one that was never made as a whole. Idempotent. */
export async function releaseProcess(rt: Runtime, id: string): Promise<void> {
  await rt.oci.delete(id);
  const record = rt.containers.get(id);
  if (record) await rt.cgroups.remove(record.cgroupPath);
}

/** Removes a container that does not run, with every trace of it. Idempotent. */
export async function eraseContainer(rt: Runtime, id: string): Promise<void> {
  await releaseContainer(rt, id);
  await rm(bundleDirOf(rt, id), { recursive: true, force: true });
  rmSync(exitFileOf(rt, id), { force: true });
  await rt.containers.remove(id);
}

/** Asks a running container to end, and kills it when it has not after `timeoutMs`. Resolves when it has ended. */
export async function endContainer(rt: Runtime, container: ContainerRecord, timeoutMs: number): Promise<void> {
  const { id, process } = container;
  if (!process) return;
  const waiter = rt.events.nextStop(id);
  const ended = new AbortController();
  // Cut short when the container ends, so that no timer of a long grace stays behind.
  const sleep = (ms: number) => rt.clock.sleep(ms, ended.signal).catch(() => undefined);
  const running = () => {
    const record = rt.containers.get(id);
    return record !== undefined && stateOf(record) === 'CONTAINER_RUNNING';
  };
  try {
    if (timeoutMs > 0 && signalProcess(process, container.stopSignal))
      await Promise.race([waiter.stopped, sleep(timeoutMs)]);
    if (!running()) return;
    signalProcess(process, 'SIGKILL');
    // The exit file follows within milliseconds; without it (conmon itself was killed) the process's absence counts.
    await Promise.race([waiter.stopped, sleep(exitFileGraceMs)]);
    if (running()) await noteContainerExit(rt, id);
  } finally {
    waiter.forget();
    ended.abort();
  }
}

const exitFileGraceMs = 2_000;

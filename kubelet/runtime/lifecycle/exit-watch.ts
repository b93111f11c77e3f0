// Notices ends: of containers and of pause processes, by the files conmon leaves in the exit directory. A slow sweep
// covers what leaves no file, a conmon that was killed itself.
import { readdirSync, rmSync } from 'node:fs';
import { watchFolder } from '../../../machinery/watch-folder.ts';
import { isAlive } from '../process/identity.ts';
import type { Runtime } from '../runtime.ts';
import { stateOf } from '../store/records.ts';
import { noteContainerExit } from './container-end.ts';
import { exitFileOf } from './paths.ts';
import { markSandboxStopped } from './sandbox-teardown.ts';

const sweepPeriodMs = 10_000;
const firstSweepMs = 1_000;

/** Starts watching. Exits from before are noticed at once. Answers the function that ends it. */
export function watchExits(rt: Runtime): () => void {
  const watcher = watchFolder(rt.paths.exitDir, (_event, name) => {
    if (name) noteExit(rt, name);
  });
  for (const name of readdirSync(rt.paths.exitDir)) noteExit(rt, name);
  sweep(rt);
  const timers = [rt.clock.after(firstSweepMs, () => sweep(rt)), rt.clock.every(sweepPeriodMs, () => sweep(rt))];
  return () => {
    watcher.close();
    for (const timer of timers) timer.cancel();
  };
}

const idPattern = /^[0-9a-f]{64}$/;

function noteExit(rt: Runtime, id: string): void {
  // conmon writes beside the file and renames: its temporary must be left alone.
  if (!idPattern.test(id)) return;
  if (rt.sandboxes.get(id)) markSandboxStopped(rt, id);
  else if (rt.containers.get(id))
    noteContainerExit(rt, id).catch((err) => rt.log.error({ err, container: id }, 'cleaning up after an exit failed'));
  // Written after its container or sandbox was removed.
  else rmSync(exitFileOf(rt, id), { force: true });
}

/** A process seen dead in two sweeps running, without an exit file in between, has nobody to write one. */
const suspects = new WeakMap<Runtime, Set<string>>();

function sweep(rt: Runtime): void {
  const before = suspects.get(rt) ?? new Set();
  const now = new Set<string>();
  for (const c of rt.containers.list()) {
    if (stateOf(c) === 'CONTAINER_RUNNING' && c.process && !isAlive(c.process)) now.add(c.id);
  }
  for (const s of rt.sandboxes.list()) if (s.phase === 'ready' && s.pause && !isAlive(s.pause)) now.add(s.id);
  suspects.set(rt, now);
  for (const id of now) if (before.has(id)) noteExit(rt, id);
}

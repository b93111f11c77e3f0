// What a restarted runtime does before it serves: find every sandbox and container again, finish what was being made or
// removed when it was killed, and leave everything that runs alone.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hostPortsOf } from '../network/firewall.ts';
import { isAlive } from '../process/identity.ts';
import type { Runtime } from '../runtime.ts';
import { nowNs } from '../store/id.ts';
import { stateOf } from '../store/records.ts';
import { unmountBundle } from './bundle-mounts.ts';
import { releaseContainer, releaseProcess } from './container-end.ts';
import { bundleDirOf, exitFileOf } from './paths.ts';
import { tearDownSandbox } from './sandbox-teardown.ts';

/** Loads the records and tells the network which addresses and ports are taken. */
export function loadRecords(rt: Runtime): void {
  for (const store of [rt.sandboxes, rt.containers]) {
    for (const { id, error } of store.load().unreadable) {
      rt.log.error(
        { id, err: error, dir: store.dirOf(id) },
        'a record cannot be read; it is set aside, and what it is about is left alone',
      );
    }
  }
  const oldestFirst = rt.sandboxes.list().sort((a, b) => (BigInt(a.createdAtNs) < BigInt(b.createdAtNs) ? -1 : 1));
  for (const { id, ip, config, phase } of oldestFirst) {
    if (ip && phase !== 'stopped') rt.network.adopt(id, ip, hostPortsOf(config.port_mappings, ip));
  }
}

/** Cleans up after an interrupted run. Failures are logged: one broken leftover must not keep the node down. */
export async function recover(rt: Runtime): Promise<void> {
  const attempt = async (id: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (err) {
      rt.log.error({ err, id }, 'recovery of one sandbox or container failed');
    }
  };
  for (const sandbox of rt.sandboxes.list().filter((s) => s.phase === 'creating')) {
    await attempt(sandbox.id, async () => {
      await tearDownSandbox(rt, sandbox);
      await rt.sandboxes.remove(sandbox.id);
    });
  }
  for (const id of leftoverIds(rt)) await attempt(id, () => eraseLeftover(rt, id));
  for (const container of rt.containers.list()) await attempt(container.id, () => recoverContainer(rt, container.id));
}

async function recoverContainer(rt: Runtime, id: string): Promise<void> {
  const container = rt.containers.get(id)!;
  const state = stateOf(container);
  if (state === 'CONTAINER_RUNNING' && container.process && isAlive(container.process)) {
    // Killed between creating the process and starting it. Both crun and runc hold a created process with this fifo.
    if (existsSync(join(rt.oci.root, id, 'exec.fifo'))) await rt.oci.start(id);
  } else if (state === 'CONTAINER_CREATED' && !existsSync(join(bundleDirOf(rt, id), 'config.json'))) {
    // The node rebooted: what had been prepared is gone.
    rt.containers.update(id, { startedAtNs: '0', finishedAtNs: nowNs(rt.clock), exitCode: 255, reason: 'Unknown' });
  } else if (state === 'CONTAINER_CREATED') {
    await releaseProcess(rt, id);
  } else if (state === 'CONTAINER_EXITED') {
    await releaseContainer(rt, id);
  }
}

/** Ids with a directory or a bundle but no record: the making or removing of something was cut short. */
function leftoverIds(rt: Runtime): string[] {
  const bundles = join(rt.paths.state, 'bundles');
  const seen = [rt.sandboxes.dir, rt.containers.dir, bundles].flatMap((dir) =>
    existsSync(dir) ? readdirSync(dir) : [],
  );
  const isKnown = (id: string) =>
    [rt.sandboxes, rt.containers].some((store) => store.get(id) !== undefined || store.isSetAside(id));
  return [...new Set(seen)].filter((id) => !isKnown(id));
}

/** Removes what has no record, with all that is mounted in it. Idempotent. */
export async function eraseLeftover(rt: Runtime, id: string): Promise<void> {
  await rt.oci.delete(id);
  await unmountBundle(rt, id);
  rmSync(bundleDirOf(rt, id), { recursive: true, force: true });
  rmSync(exitFileOf(rt, id), { force: true });
  await rt.sandboxes.remove(id);
  await rt.containers.remove(id);
}

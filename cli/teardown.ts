// Removes a cluster, whatever of it is there: after a clean life, after a failed step, after SIGKILL of everything.
// Works from the layout and from /proc, not from what a supervisor noted.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeTreeSync } from '../host/remove-tree.ts';
import { unregisterCluster } from './cluster-store.ts';
import { unloadAppArmorProfile } from './host/apparmor.ts';
import { closeCgroupRoot } from './host/cgroup-root.ts';
import { processesInGroup, removeGroup, removeGroupIfEmpty } from './host/cgroups.ts';
import { restoreInotifyLimits } from './host/inotify.ts';
import { machineLock, withLock } from './host/lock.ts';
import { removeNetwork, removeSharedRunDir } from './host/network.ts';
import { endProcess, waitUntilReaped } from './host/processes.ts';
import { clustersCgroup, type Layout } from './layout.ts';
import { removeNode } from './nodes/sandbox.ts';
import { endSupervisor, findSupervisor } from './supervisor/control.ts';
import { findUnit } from './supervisor/plan.ts';
import { apiServerNames, controlPlaneUnits, type UnitContext } from './units.ts';

const graceMs = 8_000;
const lockWaitMs = 60_000;
const reapMs = 2_000; // some systems' init collects orphans only once a second

/** Ends all processes and removes all that they and `up` made; with `keepData` the state folder stays. */
export async function teardown(context: UnitContext, { keepData }: { keepData: boolean }): Promise<void> {
  const { layout, trees } = context;
  const supervisor = findSupervisor(context);
  const pids = [...processesInGroup(trees, layout.cgroup), ...(supervisor ? [supervisor] : [])].map((ref) => ref.pid);
  rmSync(layout.planFile, { force: true }); // a supervisor that is just starting finds nothing to do
  await endSupervisor(context);
  await Promise.all([...layout.nodes.map((node) => removeNode(layout, node, trees)), endControlPlane(context)]);
  await removeGroup(trees, layout.cgroup);
  await withLock(machineLock, lockWaitMs, async () => {
    if (!removeGroupIfEmpty(trees, clustersCgroup)) return;
    closeCgroupRoot(trees, layout.cgroupRootFile);
    restoreInotifyLimits(layout.inotifyFile);
    await unloadAppArmorProfile();
  });
  await removeNetwork(layout);
  rmSync(layout.runDir, { recursive: true, force: true });
  removeSharedRunDir(layout);
  await waitUntilReaped(pids, reapMs);
  if (!keepData) removeState(layout);
}

// The store last: what is above it may still write.
async function endControlPlane(context: UnitContext): Promise<void> {
  const units = controlPlaneUnits(context);
  const end = async (names: readonly string[]) => {
    const refs = units.filter((unit) => names.includes(unit.name)).map(findUnit);
    await Promise.all(refs.map((ref) => (ref ? endProcess(ref, graceMs) : undefined)));
  };
  await end(['controllers', 'scheduler']);
  await end(apiServerNames(context.layout));
  await end(['etcd']);
}

// Which cluster it is is forgotten last, so that a teardown that is cut short can be repeated.
const ownState = ['etcd', 'etcd.unfinished', 'kubeconfigs', 'logs', 'nodes', 'pki'];

function removeState(layout: Layout): void {
  for (const name of ownState) removeTreeSync(join(layout.stateDir, name));
  unregisterCluster(layout.name, layout.roots);
}

// `k8ts down`, `k8ts delete cluster`: removes a cluster and every trace of it on the host.
import { realClock } from '../../machinery/clock.ts';
import { loadCluster, unregisterCluster } from '../cluster-store.ts';
import { readCaller } from '../host/caller.ts';
import { readCgroups } from '../host/cgroups.ts';
import { withLock } from '../host/lock.ts';
import { removeService, serviceName, tellService } from '../host/service.ts';
import { kubeconfigFiles, removeFromFiles } from '../kubeconfig.ts';
import { contextNameOf, defaultRoots } from '../layout.ts';
import { requireRoot } from '../steps/prerequisites.ts';
import { teardown } from '../teardown.ts';
import type { Program } from '../units.ts';

export interface DownOptions {
  name: string;
  kubeconfig?: string;
  keepData?: boolean;
}

export async function down(options: DownOptions, program: Program): Promise<void> {
  requireRoot(process.getuid?.(), 'down');
  const { name } = options;
  const keepData = options.keepData === true;
  // Else the next boot would make a new cluster of this name.
  if (!keepData && (await removeService(name))) process.stdout.write(`${serviceName(name)} is removed\n`);
  await withLock(`cluster ${name}`, 30_000, async () => {
    const startedMs = realClock.monotonicMs();
    const layout = loadCluster(name, defaultRoots);
    if (!layout) {
      unregisterCluster(name, defaultRoots);
      process.stdout.write(`There is no cluster ${name}\n`);
      return;
    }
    await teardown({ layout, program, trees: readCgroups() }, { keepData });
    const files = kubeconfigFiles(options.kubeconfig, process.env, readCaller(process.env, process.getuid?.()));
    removeFromFiles(files, contextNameOf(name));
    const seconds = ((realClock.monotonicMs() - startedMs) / 1000).toFixed(1);
    const kept = keepData ? `; its data is kept in ${layout.stateDir}` : '';
    process.stdout.write(`Cluster ${name} is removed${kept} (${seconds} s)\n`);
  });
  if (await tellService(name, 'stop', process.env))
    process.stdout.write(`${serviceName(name)} is stopped; it starts the cluster again at the next boot\n`);
}

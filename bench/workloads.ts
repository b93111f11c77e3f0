// The declared workloads. Each measures one thing a user feels, on a cluster of its own or a shared
// one, beside the target of docs/status.md.
import { realClock } from '../machinery/clock.ts';
import { loadApi } from './api.ts';
import { measureCel } from './cel.ts';
import { type BenchCluster, cpuShares, processTree, pssMib } from './cluster.ts';
import { measureControllers, simulatedNodes } from './controllers.ts';
import { measureCrds } from './crds.ts';
import { less, type Result } from './measure.ts';
import { timePods } from './pods.ts';
import { measureScale, scaleNodes } from './scale.ts';
import { measureScheduler } from './scheduler.ts';

export interface Workload {
  name: string;
  /** Runs in this process, without the cluster. */
  isAlone?: boolean;
  /** Runs on a cluster of its own that has so many. */
  simulatedNodes?: number;
  run(cluster: BenchCluster): Promise<Result[]>;
}

const idleSeconds = 30;

async function measureIdle(cluster: BenchCluster): Promise<Result[]> {
  // Until each component has given back what its start took.
  await realClock.sleep(40_000);
  const components = [...cluster.pids()];
  // Everything below the supervisor, wrappers included; a component adopted from an earlier one stands beside it.
  const pids = [...new Set(components.flatMap(([, pid]) => processTree(pid)))];
  const used = (await cpuShares(pids, idleSeconds)).reduce((sum, share) => sum + share, 0);
  const memory = pids.reduce((sum, pid) => sum + pssMib(pid), 0);
  const parts = components.map(([name, pid]) => less(`  ${name}`, pssMib(pid), 'MiB'));
  return [
    less('idle memory (PSS), etcd included', memory, 'MiB', 350),
    ...parts,
    less('idle CPU of one core', used, '%', 3),
  ];
}

export const workloads: readonly Workload[] = [
  { name: 'cel', isAlone: true, run: measureCel },
  { name: 'scheduler', isAlone: true, run: measureScheduler },
  {
    name: 'up',
    run: async (cluster) => [less('k8ts up to a Ready node and answering DNS', cluster.upMs / 1000, 's', 8)],
  },
  { name: 'idle', run: measureIdle },
  { name: 'pods', run: timePods },
  { name: 'api', run: loadApi },
  { name: 'crds', run: measureCrds },
  { name: 'controllers', simulatedNodes, run: measureControllers },
  { name: 'scale', simulatedNodes: scaleNodes, run: measureScale },
];

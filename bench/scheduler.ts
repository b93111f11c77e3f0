// The scheduler alone, in this process, on simulated nodes and an API in memory: the workloads of upstream's scheduler_perf
// with 5,000 nodes, beside the thresholds it is held against there (pods a second).
// https://github.com/kubernetes/kubernetes/tree/master/test/integration/scheduler_perf
import type { Node } from '../api/core/node.ts';
import type { Pod } from '../api/core/pod.ts';
import type { PodDisruptionBudget } from '../api/policy/poddisruptionbudget.ts';
import type { KubeClient } from '../client/rest.ts';
import { realClock } from '../machinery/clock.ts';
import { silentLogger } from '../machinery/log.ts';
import { seededRandom } from '../machinery/random.ts';
import { noVolumes } from '../scheduler/framework/volume-view.ts';
import { plugins } from '../scheduler/plugins/index.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import { FedInformer } from '../test/builders/fed-informer.ts';
import { node, type PodBuilder, pod } from '../test/builders/scheduling.ts';
import { less, more, quantile, type Result } from './measure.ts';

const nodeCount = 5_000;
const zones = 10;
const deadlineMs = 120_000;

interface PerfCase {
  name: string;
  /** Pods a second. */
  threshold: number;
  /** Pods that are there before. */
  before: number;
  measured: number;
  make(i: number): PodBuilder;
  /** How the earlier pods differ. */
  makeBefore?(i: number): PodBuilder;
}

const small = { cpu: '100m', memory: '500Mi' };
const term = (topologyKey: string, matchLabels: Record<string, string>) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels } }],
});
const plain = (name: string) => pod(name).asks(small);
const hostname = 'kubernetes.io/hostname';

const cases: PerfCase[] = [
  { name: 'Basic', threshold: 680, before: 5_000, measured: 10_000, make: (i) => plain(`p${i}`) },
  {
    name: 'TopologySpreading',
    threshold: 460,
    before: 1_000,
    measured: 5_000,
    make: (i) =>
      plain(`p${i}`)
        .labels({ color: 'blue' })
        .spread({
          maxSkew: 5,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { color: 'blue' } },
        }),
  },
  {
    name: 'NodeAffinity',
    threshold: 220,
    before: 2_000,
    measured: 2_000,
    make: (i) =>
      plain(`p${i}`).affinity({
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['zone1', 'zone2'] }] }],
          },
        },
      }),
  },
  {
    name: 'PodAntiAffinity',
    threshold: 60,
    before: 1_000,
    measured: 1_000,
    make: (i) =>
      plain(`p${i}`)
        .labels({ color: 'green' })
        .affinity({ podAntiAffinity: term(hostname, { color: 'green' }) }),
  },
  {
    name: 'PodAffinity',
    threshold: 35,
    before: 5_000,
    measured: 2_000,
    make: (i) =>
      plain(`p${i}`)
        .labels({ color: 'blue' })
        .affinity({ podAffinity: term('zone', { color: 'blue' }) }),
  },
  {
    name: 'Preemption',
    threshold: 570,
    before: 20_000,
    measured: 5_000,
    makeBefore: (i) => pod(`low${i}`).priority(-1).asks({ cpu: '900m', memory: '500Mi' }),
    make: (i) => pod(`p${i}`).priority(10).asks({ cpu: '3', memory: '500Mi' }),
  },
];

class SimulatedCluster {
  readonly pods = new FedInformer<Pod>();
  readonly nodes = new FedInformer<Node>();
  bound = 0;
  readonly cycleMs: number[] = [];
  readonly scheduler: Scheduler;
  #whenBound: (() => void) | undefined;
  #wanted = 0;

  constructor() {
    const bind = async ({ name }: { name: string }, _: string, { target }: { target: { name: string } }) => {
      await null;
      const found = this.pods.lister.get(`default/${name}`)!;
      this.pods.put({ ...found, spec: { ...found.spec, nodeName: target.name } });
      if (++this.bound === this.#wanted) this.#whenBound?.();
    };
    const remove = async ({ name }: { name: string }) => {
      await null;
      const found = this.pods.lister.get(`default/${name}`);
      if (found) this.pods.remove(found);
    };
    const client = { resource: () => ({ createSubresource: bind, patch: async () => undefined, delete: remove }) };
    this.scheduler = new Scheduler(
      {
        client: client as unknown as KubeClient,
        pods: this.pods,
        nodes: this.nodes,
        namespaces: new FedInformer(),
        budgets: new FedInformer<PodDisruptionBudget>(),
        volumes: noVolumes,
        recorder: { event: () => undefined },
        metrics: { attempt: (_, ms) => void this.cycleMs.push(ms), preempted: () => undefined },
        clock: realClock,
        random: seededRandom(1),
        log: silentLogger,
        name: 'default-scheduler',
      },
      plugins,
    );
  }

  /** Adds pods and waits until they all have a node; answers the milliseconds. */
  async schedule(count: number, make: (i: number) => PodBuilder): Promise<number> {
    const startMs = realClock.monotonicMs();
    this.bound = 0;
    this.#wanted = count;
    const all = new Promise<void>((resolve, reject) => {
      this.#whenBound = resolve;
      realClock.after(deadlineMs, () => reject(new Error(`${this.bound} of ${count} pods have a node`)));
    });
    for (let i = 0; i < count; i++) this.pods.put(make(i).build());
    await all;
    return realClock.monotonicMs() - startMs;
  }
}

async function runCase({ name, threshold, before, measured, make, makeBefore }: PerfCase): Promise<Result[]> {
  const cluster = new SimulatedCluster();
  await cluster.scheduler.start();
  for (let i = 0; i < nodeCount; i++)
    cluster.nodes.put(
      node(`n${i}`)
        .labels({ zone: `zone${i % zones}` })
        .build(),
    );
  const earlier = makeBefore ?? ((i: number) => make(i + measured));
  await cluster.schedule(before, earlier);
  cluster.cycleMs.length = 0;
  const ms = await cluster.schedule(measured, make);
  cluster.scheduler.stop();
  return [
    { ...more(`scheduler, ${name}, ${nodeCount} nodes`, (measured * 1000) / ms, 'pods/s'), target: threshold },
    less('  cycle, median', quantile(cluster.cycleMs, 0.5), 'ms', 1),
  ];
}

export async function measureScheduler(): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of cases) results.push(...(await runCase(one)));
  return results;
}

// The scheduler alone, in this process, on simulated nodes and an API in memory (`scheduler-cases.ts`).
import { Registry } from 'prom-client';
import type { Node } from '../api/core/node.ts';
import type { Pod } from '../api/core/pod.ts';
import type { PodDisruptionBudget } from '../api/policy/poddisruptionbudget.ts';
import type { KubeClient } from '../client/rest.ts';
import { realClock } from '../machinery/clock.ts';
import { silentLogger } from '../machinery/log.ts';
import { PodGroups } from '../scheduler/cache/pod-groups.ts';
import { defaultBackoff } from '../scheduler/config/configuration.ts';
import { buildProfiles } from '../scheduler/config/profiles.ts';
import { noVolumes } from '../scheduler/framework/volume-view.ts';
import { type AttemptResult, SchedulerMetrics } from '../scheduler/metrics.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import { FedGroups } from '../test/builders/fed-groups.ts';
import { FedInformer } from '../test/builders/fed-informer.ts';
import type { PodBuilder } from '../test/builders/scheduling.ts';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { less, more, quantile, type Result } from './measure.ts';
import { cases, type PerfCase, serviceOf } from './scheduler-cases.ts';

const deadlineMs = 300_000;

class SimulatedCluster {
  readonly pods = new FedInformer<Pod>();
  readonly nodes = new FedInformer<Node>();
  readonly groups = new FedGroups();
  readonly cycleMs: number[] = [];
  readonly scheduler: Scheduler;
  /** Names of pods that are to get a node. */
  readonly #awaited = new Set<string>();
  #whenBound: (() => void) | undefined;

  constructor() {
    const bind = async ({ name }: { name: string }, _: string, { target }: { target: { name: string } }) => {
      await null;
      const found = this.pods.lister.get(`default/${name}`)!;
      this.pods.put({ ...found, spec: { ...found.spec, nodeName: target.name } });
      if (this.#awaited.delete(name) && this.#awaited.size === 0) this.#whenBound?.();
    };
    const remove = async ({ name }: { name: string }) => {
      await null;
      this.end(name);
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
        groups: new PodGroups(this.groups),
        metrics: Object.assign(new SchedulerMetrics(new Registry()), {
          found: (ms: number) => this.cycleMs.push(ms),
          attempt: (result: AttemptResult, _: string, ms: number) =>
            result === 'unschedulable' && this.cycleMs.push(ms),
        }),
        clock: realClock,
        random: seededRandom(1),
        log: silentLogger,
        backoff: defaultBackoff,
      },
      buildProfiles({}).map((profile) => ({ ...profile, recorder: { event: () => undefined } })),
    );
  }

  end(name: string): void {
    const found = this.pods.lister.get(`default/${name}`);
    if (found) this.pods.remove(found);
  }

  /** Adds pods and waits until they all have a node; answers the milliseconds. */
  async schedule(count: number, make: (i: number) => PodBuilder): Promise<number> {
    if (count === 0) return 0;
    const pods = Array.from({ length: count }, (_, i) => make(i).build());
    for (const { metadata } of pods) this.#awaited.add(metadata.name!);
    const startMs = realClock.monotonicMs();
    const all = new Promise<void>((resolve) => (this.#whenBound = resolve));
    for (const one of pods) this.pods.put(one);
    const stop = new AbortController();
    const late = realClock.sleep(deadlineMs, stop.signal).then(
      () => Promise.reject(new Error(`${this.#awaited.size} of ${count} pods have no node`)),
      () => undefined,
    );
    await Promise.race([all, late]);
    stop.abort();
    return realClock.monotonicMs() - startMs;
  }

  /** What goes on beside the measured pods; answers what ends it. */
  churn({ everyMs, pod, node, endsPods = 0 }: NonNullable<PerfCase['meanwhile']>): () => void {
    let round = 0;
    let ended = 0;
    const timer = realClock.every(everyMs, () => {
      for (let i = 0; i < endsPods; i++) this.end(`b${ended++}`);
      if (pod) {
        // A churn that brings its node anew brings the pod anew, too.
        if (node && round > 0) this.end(pod(round - 1).build().metadata.name!);
        this.pods.put(pod(round).build());
      }
      if (node) {
        const made = node(round).build();
        if (round > 0) this.nodes.remove(made);
        this.nodes.put(made);
      }
      round++;
    });
    return () => timer.cancel();
  }
}

export async function runCase(one: PerfCase): Promise<Result[]> {
  const { name, threshold, nodes, makeNode, before, measured, make, gated, meanwhile } = one;
  const cluster = new SimulatedCluster();
  await cluster.scheduler.start();
  for (let i = 0; i < nodes; i++) cluster.nodes.put(makeNode(i).build());
  for (let i = 0; i < (one.services ?? 0); i++) cluster.groups.services.put(serviceOf(i));
  for (let i = 0; i < (gated?.count ?? 0); i++) cluster.pods.put(gated!.make(i).build());
  await cluster.schedule(before, one.makeBefore ?? ((i) => make(i + measured)));
  cluster.cycleMs.length = 0;
  const endChurn = meanwhile && cluster.churn(meanwhile);
  const used = process.cpuUsage();
  const ms = await cluster.schedule(measured, make);
  const { user, system } = process.cpuUsage(used);
  endChurn?.();
  cluster.scheduler.stop();
  const rate = more(`scheduler, ${name}, ${nodes} nodes`, (measured * 1000) / ms, 'pods/s');
  return [
    threshold === undefined ? rate : { ...rate, target: threshold },
    less('  CPU time a pod', (user + system) / 1000 / measured, 'ms'),
    less('  cycle, median', quantile(cluster.cycleMs, 0.5), 'ms', 1),
  ];
}

export async function measureScheduler(): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of cases) results.push(...(await runCase(one)));
  return results;
}

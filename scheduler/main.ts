// `k8ts scheduler`: flags, and the parts put together.
import { NamespaceKind } from '../api/core/namespace.ts';
import { NodeKind } from '../api/core/node.ts';
import { PodKind } from '../api/core/pod.ts';
import { PodDisruptionBudgetKind } from '../api/policy/poddisruptionbudget.ts';
import { readKubeconfig } from '../client/config.ts';
import { leaderElectionFlags, runElected } from '../client/elected.ts';
import { InformerFactory } from '../client/informer-factory.ts';
import { KubeClient } from '../client/rest.ts';
import { createSeriesRecorder } from '../client/series-events.ts';
import { type ComponentContext, type RunningComponent, runComponent } from '../machinery/component.ts';
import type { Flags, FlagTable } from '../machinery/flags.ts';
import { storageInformers, VolumeCache } from './cache/volumes.ts';
import { createSchedulerMetrics } from './metrics.ts';
import { plugins } from './plugins/index.ts';
import { Scheduler } from './scheduler.ts';

const flags = {
  kubeconfig: { type: 'string', doc: 'How to reach the API server.', required: true },
  'scheduler-name': { type: 'string', doc: 'Schedules the pods that name it.', default: 'default-scheduler' },
  ...leaderElectionFlags('kube-scheduler'),
} as const satisfies FlagTable;

async function start(options: Flags<typeof flags>, component: ComponentContext): Promise<RunningComponent> {
  const { clock, random, log, metrics, signal } = component;
  const name = options['scheduler-name'];
  const config = readKubeconfig(options.kubeconfig);
  const client = new KubeClient(config, { userAgent: 'kube-scheduler', clock });
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  // Filled before this process leads: the next leader knows the cluster already.
  const seen = {
    pods: informers.informer(PodKind, { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }),
    nodes: informers.informer(NodeKind),
    namespaces: informers.informer(NamespaceKind),
    budgets: informers.informer(PodDisruptionBudgetKind),
  };
  const storage = storageInformers((kind) => informers.informer(kind));
  const lead = async () => {
    const scheduler: Scheduler = new Scheduler(
      {
        client,
        ...seen,
        volumes: new VolumeCache(client, clock, storage),
        recorder: createSeriesRecorder({ client, clock, log, controller: name, instance: `${name}-0` }),
        metrics: createSchedulerMetrics(metrics, () => scheduler.counts()),
        clock,
        random,
        log,
        name,
      },
      plugins,
    );
    let synced = false;
    void scheduler.start().then(() => {
      synced = true;
    }, component.fail);
    return {
      notReady: () => (synced ? null : 'the cluster has not been seen yet'),
      async stop() {
        scheduler.stop();
      },
    };
  };
  const running = await runElected(options, config, name, component, lead);
  return {
    notReady: running.notReady,
    async stop() {
      await running.stop();
      client.close();
    },
  };
}

export function main(argv: string[]): Promise<void> {
  const summary = 'Assigns pods to nodes.';
  return runComponent(process, { name: 'scheduler', summary, flags, start }, argv);
}

// The scheduler in this process, against an API server of a test, as the user that it runs as in a cluster.
import { Registry } from 'prom-client';
import { readKubeconfig } from '../../client/config.ts';
import { InformerFactory } from '../../client/informer-factory.ts';
import { KubeClient } from '../../client/rest.ts';
import { createSeriesRecorder } from '../../client/series-events.ts';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import { realRandom } from '../../machinery/random.ts';
import { clusterInformers } from '../../scheduler/cache/informers.ts';
import { PodGroups } from '../../scheduler/cache/pod-groups.ts';
import { VolumeCache } from '../../scheduler/cache/volumes.ts';
import { defaultBackoff } from '../../scheduler/config/configuration.ts';
import { buildProfiles } from '../../scheduler/config/profiles.ts';
import { SchedulerMetrics } from '../../scheduler/metrics.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import type { TestControlPlane } from './control-plane.ts';

export async function runScheduler(api: TestControlPlane): Promise<Disposable> {
  const parts = { clock: realClock, random: realRandom, log: silentLogger };
  const config = readKubeconfig(await api.kubeconfig({ name: 'system:kube-scheduler' }));
  const client = new KubeClient(config, { userAgent: 'kube-scheduler', clock: realClock });
  const abort = new AbortController();
  const informers = new InformerFactory(client, parts, abort.signal);
  const { storage, groups, ...seen } = clusterInformers((kind, selection) => informers.informer(kind, selection));
  const scheduler = new Scheduler(
    {
      ...parts,
      client,
      ...seen,
      volumes: new VolumeCache(client, realClock, storage),
      groups: new PodGroups(groups),
      metrics: new SchedulerMetrics(new Registry()),
      backoff: defaultBackoff,
    },
    buildProfiles({}).map((profile) => ({
      ...profile,
      recorder: createSeriesRecorder({ ...parts, client, controller: profile.name, instance: `${profile.name}-0` }),
    })),
  );
  await scheduler.start();
  return {
    [Symbol.dispose]() {
      scheduler.stop();
      abort.abort();
      client.close();
    },
  };
}

// `k8ts scheduler`: flags, and the parts put together.
import { readKubeconfig } from '../client/config.ts';
import { leaderElectionFlags, runElected } from '../client/elected.ts';
import { InformerFactory } from '../client/informer-factory.ts';
import { KubeClient } from '../client/rest.ts';
import { RestMetrics } from '../client/rest-metrics.ts';
import { secureServingFlags, serveSecurely } from '../client/secure/server.ts';
import { createSeriesRecorder } from '../client/series-events.ts';
import { readConfigFile } from '../host/config-file.ts';
import { type Clock, realClock } from '../machinery/clock.ts';
import { type ComponentContext, type RunningComponent, runComponent } from '../machinery/component.ts';
import { type Flags, type FlagTable, flag } from '../machinery/flags.ts';
import { clusterInformers } from './cache/informers.ts';
import { PodGroups } from './cache/pod-groups.ts';
import { VolumeCache } from './cache/volumes.ts';
import { defaultBackoff, type SchedulerConfig, schedulerConfigForm } from './config/configuration.ts';
import { buildProfiles } from './config/profiles.ts';
import { Extender } from './extenders/extender.ts';
import { Extenders } from './extenders/extenders.ts';
import { SchedulerMetrics } from './metrics.ts';
import { podResources } from './pod-resources.ts';
import { Scheduler } from './scheduler.ts';

const flags = {
  kubeconfig: flag.string('How to reach the API server.', { required: true }),
  config: flag.string('File with a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1).'),
  ...leaderElectionFlags('kube-scheduler'),
  ...secureServingFlags(10_259),
} as const satisfies FlagTable;

/** Throws ConfigFileError. */
function readConfig(path: string | undefined, clock: Clock) {
  const config: SchedulerConfig = path === undefined ? {} : readConfigFile(path, schedulerConfigForm);
  const { podInitialBackoffSeconds, podMaxBackoffSeconds } = config;
  const backoff = {
    initialSeconds: podInitialBackoffSeconds ?? defaultBackoff.initialSeconds,
    maxSeconds: podMaxBackoffSeconds ?? defaultBackoff.maxSeconds,
  };
  const extenders = (config.extenders ?? []).map((one) => new Extender(one, clock));
  return { config, profiles: buildProfiles(config), backoff, extenders };
}

async function start(options: Flags<typeof flags>, component: ComponentContext): Promise<RunningComponent> {
  const { clock, random, log, metrics, signal } = component;
  const { config: settings, profiles, backoff, extenders: known } = readConfig(options.config, clock);
  const extenders = new Extenders(known, log);
  const config = readKubeconfig(options.kubeconfig);
  const onAnswer = new RestMetrics(metrics).of(config.server);
  const client = new KubeClient(config, { userAgent: 'kube-scheduler', clock, onAnswer });
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  // Filled before this process leads: the next leader knows the cluster already.
  const { storage, groups, ...seen } = clusterInformers((kind, selection) => informers.informer(kind, selection));
  const lead = async () => {
    const recorderOf = (controller: string) =>
      createSeriesRecorder({ client, clock, log, controller, instance: `${controller}-0` });
    const scheduler = new Scheduler(
      {
        client,
        ...seen,
        volumes: new VolumeCache(client, clock, storage),
        groups: new PodGroups(groups),
        extenders,
        metrics: new SchedulerMetrics(metrics),
        clock,
        random,
        log,
        backoff,
      },
      profiles.map((profile) => ({ ...profile, recorder: recorderOf(profile.name) })),
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
  const state: { running?: RunningComponent } = {};
  const server = await serveSecurely(options, component, {
    config,
    userAgent: 'kube-scheduler/secure-serving',
    state: { ...component, notReady: () => (state.running ? state.running.notReady() : 'starting') },
    configz: { 'kubescheduler.config.k8s.io': { ...settings, clientConnection: { kubeconfig: options.kubeconfig } } },
    metrics: { '/metrics/resources': podResources(() => seen.pods.lister.list()) },
  });
  const running = await runElected(options, config, profiles[0]!.name, component, lead);
  state.running = running;
  return {
    notReady: running.notReady,
    async stop() {
      await running.stop();
      server?.close();
      client.close();
      extenders.close();
    },
  };
}

export function main(argv: string[]): Promise<void> {
  const summary = 'Assigns pods to nodes.';
  return runComponent(
    process,
    { name: 'scheduler', summary, flags, start, check: ({ config }) => void readConfig(config, realClock) },
    argv,
  );
}

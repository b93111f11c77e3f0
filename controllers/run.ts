// Runs controllers against one API server. All look through the same informers, one a kind; each acts as its own service
// account, with its own queue and events. One that ends by an error is started again later and stops no other.
import { setMaxListeners } from 'node:events';
import { CustomResourceDefinitionKind } from '../api/apiextensions/customresourcedefinition.ts';
import { AccountClients } from '../client/account-clients.ts';
import type { ClientConfig } from '../client/config.ts';
import type { ControllerContext, Loop } from '../client/controller.ts';
import { controllerContext } from '../client/controller-context.ts';
import { InformerFactory } from '../client/informer-factory.ts';
import { KubeClient } from '../client/rest.ts';
import { RestMetrics } from '../client/rest-metrics.ts';
import { DiscoveredKinds } from '../client/served-kinds.ts';
import { WorkQueueMetrics } from '../client/workqueue-metrics.ts';
import type { ComponentContext, RunningComponent } from '../machinery/component.ts';
import { factsOf } from './names.ts';

export type RunContext = Pick<ComponentContext, 'clock' | 'random' | 'log' | 'signal'> &
  Partial<Pick<ComponentContext, 'metrics'>>;

export interface RunOptions {
  /** Each acts as its service account; otherwise all act as whom the configuration names. */
  useAccounts?: boolean;
  /** Keys worked on at a time, by what the flags call the controller, where it is not as the controller says. */
  concurrency?: Readonly<Record<string, number>>;
}

const userAgent = 'kube-controller-manager';
const firstRestartMs = 1_000;
const maxRestartMs = 5 * 60_000;

/** Runs a loop until the signal is aborted, again after it failed, later each time. */
export async function keepRunning(loop: Loop, context: ControllerContext): Promise<void> {
  const { clock, log, signal } = context;
  for (let delayMs = firstRestartMs; ; delayMs = Math.min(maxRestartMs, delayMs * 2)) {
    // What it has begun ends with it.
    const end = new AbortController();
    try {
      const ended = AbortSignal.any([signal, end.signal]);
      setMaxListeners(0, ended);
      return await loop.run({ ...context, signal: ended });
    } catch (err) {
      if (signal.aborted) return;
      end.abort();
      log.error({ err, controller: loop.name, delayMs }, 'a controller failed; it starts again');
    }
    await clock.sleep(delayMs, signal).catch(() => undefined); // aborted: the loop ends by itself
    if (signal.aborted) return;
  }
}

/** Starts them all; they run until the context's signal is aborted. */
export function startControllers(
  controllers: readonly Loop[],
  config: ClientConfig,
  { clock, random, log, signal, metrics }: RunContext,
  { useAccounts = false, concurrency = {} }: RunOptions = {},
): RunningComponent {
  // Every controller listens for the end.
  setMaxListeners(0, signal);
  const onAnswer = metrics && new RestMetrics(metrics).of(config.server);
  const root = new KubeClient(config, { userAgent, clock, onAnswer });
  const accounts = new AccountClients(root, config, { userAgent, clock, onAnswer });
  const informers = new InformerFactory(root, { clock, random, log }, signal);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const kinds = new DiscoveredKinds({
    read: () => root.request({ method: 'GET', path: '/apis', accept }),
    definitions: informers.informer(CustomResourceDefinitionKind, { metadataOnly: true }),
    clock,
    log,
    signal,
  });
  const queues = metrics && new WorkQueueMetrics(metrics);
  const contextOf = (loop: Loop): ControllerContext => {
    const { account, syncs } = factsOf(loop.name);
    const client = useAccounts && account ? accounts.client(account) : root;
    const given = syncs ? concurrency[syncs] : undefined;
    return controllerContext(client, informers, {
      kinds,
      clock,
      random,
      log,
      signal,
      ...(given === undefined ? {} : { concurrency: given }),
      ...(queues ? { metrics: queues } : {}),
      ...(metrics ? { registry: metrics } : {}),
    });
  };
  let isSynced = false;
  const running = controllers.map((controller) => keepRunning(controller, contextOf(controller)));
  void informers.synced().then(() => {
    isSynced = true;
  });
  return {
    notReady: () => (isSynced ? null : 'the caches are being filled'),
    async stop() {
      await Promise.all(running);
      accounts.close();
      root.close();
    },
  };
}

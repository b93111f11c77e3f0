// Runs controllers against one API server: one client, one informer a kind, one event recorder a controller.
import { setMaxListeners } from 'node:events';
import { CustomResourceDefinitionKind } from '../api/apiextensions/customresourcedefinition.ts';
import type { ClientConfig } from '../client/config.ts';
import type { ControllerContext, Loop } from '../client/controller.ts';
import { createEventRecorder } from '../client/events.ts';
import { InformerFactory } from '../client/informer-factory.ts';
import { KubeClient } from '../client/rest.ts';
import { DiscoveredKinds } from '../client/served-kinds.ts';
import type { ComponentContext, RunningComponent } from '../machinery/component.ts';

export type RunContext = Pick<ComponentContext, 'clock' | 'random' | 'log' | 'signal' | 'fail'>;

/**
 * Starts them all; they run until the context's signal is aborted. A controller that ends by an
 * error takes the process along.
 */
export function startControllers(
  controllers: readonly Loop[],
  config: ClientConfig,
  { clock, random, log, signal, fail }: RunContext,
): RunningComponent {
  // Every controller listens for the end.
  setMaxListeners(0, signal);
  const client = new KubeClient(config, { userAgent: 'k8ts-controllers', clock });
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const kinds = new DiscoveredKinds({
    read: () => client.request({ method: 'GET', path: '/apis', accept }),
    definitions: informers.informer(CustomResourceDefinitionKind, { metadataOnly: true }),
    clock,
    log,
    signal,
  });
  const context: ControllerContext = {
    client,
    kinds,
    dropInformers: (kind) => informers.drop(kind),
    informer: (kind, options) => informers.informer(kind, options),
    resource: (kind) => client.resource(kind),
    recorder: (component) => createEventRecorder({ client, clock, log, component }),
    clock,
    random,
    log,
    signal,
  };
  let isSynced = false;
  const running = controllers.map((controller) =>
    controller.run(context).catch((err) => {
      if (!signal.aborted) fail(new Error(`${controller.name} ended`, { cause: err }));
    }),
  );
  void informers.synced().then(() => {
    isSynced = true;
  });
  return {
    notReady: () => (isSynced ? null : 'the caches are being filled'),
    async stop() {
      await Promise.all(running);
      client.close();
    },
  };
}

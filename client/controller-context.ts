// What a controller is given, made of a client and of the informers that it shares with others.
import type { ControllerContext } from './controller.ts';
import { createEventRecorder } from './events.ts';
import type { InformerFactory } from './informer-factory.ts';
import type { KubeClient } from './rest.ts';

type Given = 'kinds' | 'clock' | 'random' | 'log' | 'signal' | 'concurrency' | 'metrics' | 'registry';

/** It acts and tells events as `client`; what it reads comes from `informers`, whoever they read as. */
export function controllerContext(
  client: KubeClient,
  informers: InformerFactory,
  given: Pick<ControllerContext, Given>,
): ControllerContext {
  const { clock, log } = given;
  return {
    ...given,
    client,
    dropInformers: (kind) => informers.drop(kind),
    informer: (kind, options) => informers.informer(kind, options),
    resource: (kind) => client.resource(kind),
    recorder: (component) => createEventRecorder({ client, clock, log, component }),
  };
}

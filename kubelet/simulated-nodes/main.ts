// `k8ts simulated-nodes`: nodes without containers, for work at scale. Their kubelets are this one process.
import process from 'node:process';
import { readKubeconfig } from '../../client/config.ts';
import { runController } from '../../client/controller.ts';
import { controllerContext } from '../../client/controller-context.ts';
import { InformerFactory } from '../../client/informer-factory.ts';
import { KubeClient } from '../../client/rest.ts';
import { builtInServedKinds } from '../../client/served-kinds.ts';
import { type ComponentContext, type RunningComponent, runComponent } from '../../machinery/component.ts';
import { type Flags, type FlagTable, flag } from '../../machinery/flags.ts';
import { keepNodes } from './nodes.ts';
import { podController } from './pods.ts';

const flags = {
  kubeconfig: flag.string('How to reach the API server, and as whom.', { required: true }),
  count: flag.number('How many nodes, at most 4096.', { required: true }),
} as const satisfies FlagTable;

async function start(options: Flags<typeof flags>, component: ComponentContext): Promise<RunningComponent> {
  const { clock, random, log, signal } = component;
  const client = new KubeClient(readKubeconfig(options.kubeconfig), { userAgent: 'k8ts-simulated-nodes', clock });
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  const context = controllerContext(client, informers, { kinds: builtInServedKinds, clock, random, log, signal });
  let isReady = false;
  void keepNodes(context, options.count).then(() => {
    isReady = true;
  }, component.fail);
  void runController(podController, context).catch(component.fail);
  return {
    notReady: () => (isReady ? null : 'not every node is registered yet'),
    async stop() {
      client.close();
    },
  };
}

export function main(argv: string[]): Promise<void> {
  const summary = 'Keeps nodes that run no containers: their pods are Running as soon as they are assigned.';
  return runComponent(process, { name: 'simulated-nodes', summary, flags, start }, argv);
}

// `k8ts controllers`: every controller in one process, over shared informers. Upstream: kube-controller-manager.
import { readFileSync } from 'node:fs';
import { readKubeconfig } from '../client/config.ts';
import { type ComponentContext, runComponent } from '../machinery/component.ts';
import type { Flags, FlagTable } from '../machinery/flags.ts';
import { createControllers } from './index.ts';
import { startControllers } from './run.ts';

const flags = {
  kubeconfig: { type: 'string', doc: 'How to reach the API server.', required: true },
  'root-ca-file': { type: 'string', doc: 'CA certificate to publish in every namespace (PEM file).' },
  'cluster-cidr': { type: 'string', doc: 'Address range of pods.' },
  'service-cluster-ip-range': { type: 'string', doc: 'Address range of services.' },
} as const satisfies FlagTable;

async function start(options: Flags<typeof flags>, context: ComponentContext) {
  const rootCaFile = options['root-ca-file'];
  const controllers = createControllers(rootCaFile ? { rootCaPem: readFileSync(rootCaFile, 'utf8') } : {});
  return startControllers(controllers, readKubeconfig(options.kubeconfig), context);
}

export async function main(argv: string[]): Promise<void> {
  await runComponent(process, { name: 'controllers', summary: 'Runs the controllers.', flags, start }, argv);
}

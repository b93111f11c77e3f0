// Step: certificates and the kubeconfigs of the components.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfExists, writeFileAtomic } from '../host/files.ts';
import { type Access, entriesOf, mergeEntries } from '../kubeconfig.ts';
import { insideNode, type Layout, onHost } from '../layout.ts';
import { ensurePki } from '../pki/ensure.ts';
import { nodePki, pkiFiles, planPki } from '../pki/plan.ts';
import type { UpContext } from './context.ts';
import type { Step } from './run-steps.ts';

export const credentialsStep: Step<UpContext> = {
  title: 'Certificates',
  after: [],
  async run({ layout, clock }) {
    const made = await ensurePki(planPki(layout), clock);
    const ca = readFileSync(`${pkiFiles(layout).ca}.crt`, 'utf8');
    for (const node of layout.nodes) writeIfChanged(onHost(node, `${nodePki.ca}.crt`), ca);
    for (const [file, access] of componentAccess(layout)) {
      writeIfChanged(file, mergeEntries('', entriesOf(layout.contextName, access)), 0o600);
    }
    return made.length === 0 ? 'in order' : undefined;
  },
};

/** The kubeconfig of every component that is a client: its path on the host, and what it gives access to. */
function componentAccess(layout: Layout): [string, Access][] {
  const files = pkiFiles(layout);
  const caFile = `${files.ca}.crt`;
  const onThisHost = (name: string, clientFile: string): [string, Access] => [
    join(layout.kubeconfigDir, `${name}.kubeconfig`),
    { server: layout.apiUrl, caFile, clientFile },
  ];
  const { kubeletClient, proxyClient, storageClient } = nodePki;
  return [
    onThisHost('admin', files.admin),
    onThisHost('controllers', files.controllers),
    onThisHost('scheduler', files.scheduler),
    ...(layout.spec.simulatedNodes ? [onThisHost('simulated-nodes', files.simulatedNodes)] : []),
    ...layout.nodes.flatMap((node) =>
      Object.entries({ kubelet: kubeletClient, proxy: proxyClient, storage: storageClient }).map(
        ([name, client]): [string, Access] => [
          onHost(node, `${insideNode.credentialsDir}/${name}.kubeconfig`),
          { server: layout.apiUrlOfNodes, caFile, clientFile: onHost(node, client) },
        ],
      ),
    ),
  ];
}

function writeIfChanged(file: string, content: string, mode?: number): void {
  if (readIfExists(file) !== content) writeFileAtomic(file, content, { mode });
}

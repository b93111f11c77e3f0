// `k8ts get clusters|nodes|kubeconfig`: what kind prints, for scripts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listClusters, loadCluster } from '../cluster-store.ts';
import { commandName } from '../command-name.ts';
import { defaultRoots, type Layout } from '../layout.ts';
import { UserError } from '../user-error.ts';

/** The cluster of this name, or an error that says what there is instead. */
export function requireCluster(name: string): Layout {
  const layout = loadCluster(name, defaultRoots);
  if (layout) return layout;
  const others = listClusters(defaultRoots);
  throw new UserError(`there is no cluster ${name}`, {
    hint: others.length === 0 ? `${commandName} up makes one.` : `There is: ${others.join(', ')} (--name).`,
  });
}

export function getClusters(): void {
  const names = listClusters(defaultRoots);
  if (names.length === 0) process.stderr.write('No clusters\n');
  else process.stdout.write(`${names.join('\n')}\n`);
}

export function getNodes(options: { name: string }): void {
  const { nodes } = requireCluster(options.name);
  process.stdout.write(`${nodes.map((node) => node.name).join('\n')}\n`);
}

export function getKubeconfig(options: { name: string }): void {
  const layout = requireCluster(options.name);
  process.stdout.write(readFileSync(join(layout.kubeconfigDir, 'admin.kubeconfig'), 'utf8'));
}

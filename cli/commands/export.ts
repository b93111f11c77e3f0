// `k8ts export logs|kubeconfig`.
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readCaller } from '../host/caller.ts';
import { makeTemporary } from '../host/files.ts';
import { adminAccess, entriesOf, kubeconfigFiles, mergeIntoFiles } from '../kubeconfig.ts';
import { insideNode, onHost } from '../layout.ts';
import { requireCluster } from './get.ts';

/** Copies the components' logs and each node's pod logs, and prints where they are. */
export function exportLogs(folder: string | undefined, options: { name: string }): void {
  const layout = requireCluster(options.name);
  const target = folder === undefined ? makeTemporary(`k8ts-logs-${layout.name}-`) : resolve(folder);
  mkdirSync(target, { recursive: true });
  const copies: [string, string][] = [
    [layout.logDir, target],
    ...layout.nodes.map((node): [string, string] => [
      onHost(node, insideNode.podLogDir),
      join(target, 'nodes', node.name, 'pods'),
    ]),
  ];
  for (const [from, to] of copies) if (existsSync(from)) cpSync(from, to, { recursive: true });
  process.stdout.write(`${target}\n`);
}

export function exportKubeconfig(options: { name: string; kubeconfig?: string }): void {
  const layout = requireCluster(options.name);
  const files = kubeconfigFiles(options.kubeconfig, process.env, readCaller(process.env, process.getuid?.()));
  const file = mergeIntoFiles(files, entriesOf(layout.contextName, adminAccess(layout)));
  process.stdout.write(`Context ${layout.contextName} is current in ${file}\n`);
}

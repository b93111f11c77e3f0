// A cluster as `k8ts up` boots it, with the image that pods of these tests run.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { k8ts, type TestCluster } from '../cli/k8ts-command.ts';
import { buildOciArchive, busyboxLayer } from '../runtime/image-archive.ts';

export const image = 'registry.example/busybox:1';

/** Brings the cluster up, with further arguments of `up`, and answers once pods may be created. */
export async function upWithBusybox(cluster: TestCluster, ...args: string[]): Promise<Kubectl> {
  const up = cluster.run('up', ...args);
  assert.equal(up.code, 0, up.stderr);
  const archive = `${cluster.kubeconfig}.tar`;
  const config = { Env: ['PATH=/bin'] };
  writeFileSync(archive, await buildOciArchive({ name: image, layers: [busyboxLayer()], config }));
  assert.equal(k8ts(['load', 'image-archive', archive, '--name', cluster.name]).code, 0);
  const kubectl = new Kubectl(cluster.kubeconfig);
  await eventually('the default service account', () => kubectl.json('get', 'serviceaccount', 'default'));
  return kubectl;
}

export const isReady = (pod: any): boolean =>
  pod.status.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True') ?? false;

/** The folder of a control group, somewhere below another one. */
export function findGroup(dir: string, name: string): string {
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory() && entry.name === name) return join(entry.parentPath, entry.name);
  }
  throw new Error(`no group ${name} in ${dir}`);
}

// Several API servers at one port: what a user of a bigger machine has.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { k8ts, needsRoot, testCluster } from './k8ts-command.ts';

const connections = 40;

test('a number of API servers that cannot be is refused', () => {
  for (const n of ['0', '9', 'many']) assert.match(k8ts(['up', '--api-servers', n]).stderr, /A number from 1 to 8/);
});

test('several API servers with one audit log are refused, and nothing is made', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-audit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'config.yaml');
  const lines = [
    'apiVersion: kubeadm.k8s.io/v1beta4',
    'kind: ClusterConfiguration',
    `apiServer: {extraArgs: [{name: audit-log-path, value: ${join(folder, 'audit.log')}}],`,
    `  extraVolumes: [{name: audit, hostPath: ${folder}, mountPath: ${folder}}]}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const { code, stderr } = k8ts(['up', '--name', 't-audit-twice', '--api-servers', '2', '--config', config]);
  assert.equal(code, 1);
  assert.match(stderr, /several API servers cannot write one audit log/);
  assert.match(k8ts(['status', '--name', 't-audit-twice']).stderr, /no cluster/i);
});

describe('two API servers', { skip: needsRoot }, () => {
  test('share the connections of clients, who see the same through both, also while one is killed', async () => {
    using cluster = testCluster('two-api');
    const up = cluster.run('up', '--api-servers', '2');
    assert.equal(up.code, 0, up.stderr);
    const kubectl = new Kubectl(cluster.kubeconfig);
    const names = ['apiserver', 'apiserver-2'];
    // Each call is a connection of its own.
    const startOf = (text: string) => /^process_start_time_seconds (\S+)$/m.exec(text)?.[1];
    const answering = () => {
      const answers = Array.from({ length: connections }, () => startOf(kubectl.get('get', '--raw', '/metrics')));
      return new Set(answers).size;
    };
    await eventually('both take connections', () => answering() === 2);
    for (let i = 0; i < 10; i++) {
      kubectl.get('create', 'configmap', `c${i}`);
      assert.equal(kubectl.json('get', 'configmap', `c${i}`).metadata.name, `c${i}`);
      assert.equal(
        kubectl.json('get', 'configmaps').items.filter((c: any) => /^c\d/.test(c.metadata.name)).length,
        i + 1,
      );
    }
    const endpoints = () => kubectl.json('get', 'endpoints', 'kubernetes').subsets[0].addresses.length;
    assert.equal(endpoints(), 1, 'they are at one address');

    for (const name of names) {
      const pid = cluster.pidOf(name);
      process.kill(pid, 'SIGKILL');
      // A connection that the killed one had taken is reset; the next is for the other.
      await eventually('somebody answers', () => kubectl.run(['get', 'configmap', 'c0']).code === 0);
      await eventually(`${name} is there again`, () => {
        const running = cluster.status().components.find((unit) => unit.name === name)?.state === 'running';
        return running && cluster.pidOf(name) !== pid;
      });
    }
    await eventually('both take connections again', () => answering() === 2);
    assert.equal(endpoints(), 1);

    assert.match(cluster.run('up', '--api-servers', '3').stderr, /exists with another --api-servers/);
    const again = cluster.run('up', '--api-servers', '2');
    assert.match(again.stdout, /All is well/);
  });
});

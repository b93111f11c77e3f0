// Nodes without containers: what a user of --simulated-nodes sees.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { k8ts, needsRoot, testCluster } from './k8ts-command.ts';

const count = 20;

test('a number of nodes that cannot be is refused', () => {
  for (const n of ['0', '-1', '5000', 'many'])
    assert.match(k8ts(['up', '--simulated-nodes', n]).stderr, /A number from 1 to 4096/);
});

describe('simulated nodes', { skip: needsRoot }, () => {
  test('take pods, whose deployment rolls out and whose job completes, also after they were killed', async () => {
    using cluster = testCluster('simulated');
    const up = cluster.run('up', '--simulated-nodes', String(count));
    assert.equal(up.code, 0, up.stderr);
    const kubectl = new Kubectl(cluster.kubeconfig);
    const nodes = kubectl.json('get', 'nodes').items.filter((n: any) => n.metadata.name.startsWith('simulated-'));
    assert.equal(nodes.length, count);
    assert.equal(new Set(nodes.map((n: any) => n.spec.podCIDR)).size, count);
    kubectl.get('cordon', `${cluster.name}-control-plane`);
    process.kill(cluster.pidOf('simulated-nodes'), 'SIGKILL');
    kubectl.get('create', 'deployment', 'd', '--image=x', '--replicas=50');
    kubectl.get('create', 'job', 'j', '--image=x');
    await eventually('all replicas and the job', () => {
      const { availableReplicas } = kubectl.json('get', 'deployment', 'd').status;
      return availableReplicas === 50 && kubectl.json('get', 'job', 'j').status.succeeded === 1;
    });
    kubectl.get('delete', 'deployment,job', '--all');
    await eventually('no pod', () => kubectl.json('get', 'pods').items.length === 0);
    const again = cluster.run('up', '--simulated-nodes', String(count + 1));
    assert.match(again.stderr, /exists with another --simulated-nodes/);
    assert.equal(cluster.run('up').code, 0);
    assert.ok(cluster.status().components.some(({ name, state }) => name === 'simulated-nodes' && state === 'running'));
  });
});

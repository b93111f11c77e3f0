// WordPress with MySQL out of one file, as a user would: installed in the browser, written in, and what was written is
// there after both pods and the whole cluster have gone. Its images are too large for every day.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type E2eCluster, patience, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { WordpressVisitor } from '../environment/wordpress-visitor.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const tiers = ['wordpress-mysql', 'wordpress'];

describe('wordpress', { skip: needsRoot }, () => {
  let k8ts: E2eCluster;
  before(async () => {
    k8ts = await startCluster('wordpress', ['mysql', 'wordpress']);
  });
  after(() => k8ts?.[Symbol.asyncDispose]());

  const assertReads = async (visitor: WordpressVisitor) =>
    assert.match(await eventually('the site answers', () => visitor.read('/')), /Kept for good/);

  test('a post outlives the pods, the node and the cluster', async () => {
    const { kubectl, cluster } = k8ts;
    kubectl.get('apply', '-f', 'examples/wordpress.yaml');
    for (const name of tiers) kubectl.get('rollout', 'status', `deployment/${name}`, '--timeout=900s');
    const visitor = new WordpressVisitor(`http://${kubectl.json('get', 'service', 'wordpress').spec.clusterIP}`);
    await eventually('the database is reached', () => visitor.read('/wp-admin/install.php'));
    await visitor.install('A blog', 'author', 'long-enough-a-password');
    await visitor.logIn('author', 'long-enough-a-password');
    await visitor.write('Kept for good', 'What was written once.');
    await assertReads(visitor);

    const before = kubectl.json('get', 'pods', '-l', 'app=wordpress').items.map((pod: any) => pod.metadata.name);
    assert.equal(before.length, tiers.length);
    kubectl.get('delete', 'pod', ...before, '--wait=true');
    for (const name of tiers) kubectl.get('rollout', 'status', `deployment/${name}`, '--timeout=900s');
    await assertReads(visitor);

    assert.equal(cluster.run('down', '--keep-data').code, 0);
    const up = cluster.run('up', ...patience);
    assert.equal(up.code, 0, up.stderr);
    await assertReads(visitor);
    kubectl.get('delete', '-f', 'examples/wordpress.yaml', '--wait=true');
    await eventually('no volume is left', () => kubectl.json('get', 'pv').items.length === 0 || undefined);
  });
});

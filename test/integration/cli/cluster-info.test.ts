// What a cluster tells strangers of itself: where it is and who signs for it, as those read it who would join.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:https';
import { test } from 'node:test';
import { compactVerify } from 'jose';
import { parse } from 'yaml';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { needsRoot, testCluster } from './k8ts-command.ts';

const maps = '/api/v1/namespaces/kube-public/configmaps';
const tokenId = 'abcdef';
const tokenSecret = '0123456789abcdef';

/** As nobody. Without `ca` the server is not checked. */
async function ask(url: string, ca?: Buffer): Promise<{ code: number | undefined; body: any }> {
  const options = ca ? { ca } : { rejectUnauthorized: false };
  const [response] = await once(get(url, { ...options, agent: false }), 'response');
  return { code: response.statusCode, body: JSON.parse((await response.toArray()).join('')) };
}

test('anybody reads where a cluster is and its CA, signed with a bootstrap token; up mends it, and classes of storage', {
  skip: needsRoot,
}, async () => {
  using cluster = testCluster('info');
  const up = cluster.run('up');
  assert.equal(up.code, 0, up.stderr);
  const { server } = cluster.status();
  const kubectl = new Kubectl(cluster.kubeconfig);
  kubectl.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${tokenId}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: { 'token-id': tokenId, 'token-secret': tokenSecret, 'usage-bootstrap-signing': 'true' },
  });
  const signed = () =>
    eventually('the signature', async () => {
      const { code, body } = await ask(`${server}${maps}/cluster-info`);
      assert.equal(code, 200, JSON.stringify(body));
      return body.data[`jws-kubeconfig-${tokenId}`] ? body.data : undefined;
    });
  const { kubeconfig, [`jws-kubeconfig-${tokenId}`]: signature } = await signed();
  const [head, , tail] = signature.split('.');
  const content = Buffer.from(kubeconfig).toString('base64url');
  await compactVerify(`${head}.${content}.${tail}`, new TextEncoder().encode(tokenSecret));

  const { clusters, users, contexts } = parse(kubeconfig);
  assert.deepEqual([clusters.length, clusters[0].name, users, contexts], [1, '', null, null]);
  const told = clusters[0].cluster;
  const ca = Buffer.from(told['certificate-authority-data'], 'base64');
  // Where nodes are, by the CA that was told: whoever has read it needs no more to know the server.
  const { body } = await ask(`${told.server}${maps}/cluster-info`, ca);
  assert.equal(body.data.kubeconfig, kubeconfig);
  for (const path of [maps, `${maps}/kube-root-ca.crt`]) assert.equal((await ask(`${server}${path}`)).code, 403, path);

  kubectl.get('patch', 'configmap', 'cluster-info', '-n', 'kube-public', '-p', '{"data":{"kubeconfig":"lost"}}');
  const classes = () => kubectl.get('get', 'volumesnapshotclass,storageclass', '-o', 'name').trim().split('\n');
  const both = classes();
  assert.equal(both.length, 2);
  // As an `up` leaves it that ended between the definitions of snapshots and their class.
  kubectl.get('delete', ...both, 'csidriver/hostpath.csi.k8ts.io');
  assert.equal(cluster.run('up').code, 0);
  assert.equal((await signed()).kubeconfig, kubeconfig, 'the next up puts it right');
  assert.deepEqual(classes(), both);
  kubectl.get('delete', both[0]!);
  assert.equal(cluster.run('up').code, 0);
  assert.deepEqual(classes(), [both[1]], 'what somebody took away stays away');
});

// What a node's certificate opens over HTTPS: itself and what its pods name. The rules one by one:
// apiserver/authz/node.test.ts.
import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import { after, before, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

let plane: TestControlPlane;
let asNode: (method: string, path: string, body?: object) => Promise<{ status: number; body: any }>;

before(async () => {
  plane = await startControlPlane();
  const identity = await plane.certificate('system:node:a', 'system:nodes');
  asNode = (method, path, body) =>
    new Promise((resolve, reject) => {
      const { server, ca } = plane.config;
      const headers = { 'content-type': 'application/json' };
      const options = { method, ca, cert: identity.certificatePem, key: identity.keyPem, headers, agent: false };
      const req = httpsRequest(`${server}${path}`, options, async (res) => {
        let text = '';
        for await (const piece of res.setEncoding('utf8')) text += piece;
        resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) });
      });
      req.on('error', reject);
      req.end(body === undefined ? undefined : JSON.stringify(body));
    });
  await plane.namespace('n');
  const spec = (nodeName: string) => ({
    nodeName,
    containers: [{ name: 'c', image: 'i' }],
    volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 'vault' } }] } }],
  });
  for (const name of ['a', 'b']) {
    const made = await plane.request('POST', '/api/v1/namespaces/n/pods', {
      body: { metadata: { name }, spec: spec(name) },
    });
    assert.equal(made.status, 201);
  }
  await plane.request('POST', '/api/v1/namespaces/n/secrets', { body: { metadata: { name: 's' } } });
});
after(() => plane[Symbol.asyncDispose]());

test('secrets of others, all secrets, exec and other nodes are closed to it', async () => {
  for (const [method, path] of [
    ['GET', '/api/v1/secrets'],
    ['GET', '/api/v1/namespaces/n/secrets/s'],
    ['GET', '/api/v1/nodes'],
    ['POST', '/api/v1/namespaces/n/pods/a/exec?command=id'],
    ['DELETE', '/api/v1/namespaces/n/pods/b'],
    ['POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles'],
  ] as const) {
    assert.equal((await asNode(method, path)).status, 403, `${method} ${path}`);
  }
  const { body } = await asNode('GET', '/api/v1/namespaces/n/secrets/s');
  assert.equal(
    body.message,
    'secrets "s" is forbidden: User "system:node:a" cannot get resource "secrets" in API group "" in the namespace "n": no relationship found between node \'a\' and this object',
  );
});

test('tokens are for its own pods, and for the audiences that they ask for', async () => {
  const uidOf = async (name: string) =>
    (await plane.request('GET', `/api/v1/namespaces/n/pods/${name}`)).body.metadata.uid;
  const own = { kind: 'Pod', apiVersion: 'v1', name: 'a', uid: await uidOf('a') };
  const ask = async (spec: object) => {
    const { status, body } = await asNode('POST', '/api/v1/namespaces/n/serviceaccounts/default/token', { spec });
    return status === 201 ? 201 : `${status} ${body.message}`;
  };
  const refused = (why: string) => `403 serviceaccounts "default" is forbidden: ${why}`;
  assert.equal(await ask({ audiences: ['vault'], boundObjectRef: own }), 201);
  assert.equal(await ask({ boundObjectRef: own }), 201);
  assert.equal(await ask({ audiences: ['vault'] }), refused('node requested token not bound to a pod'));
  assert.equal(
    await ask({ boundObjectRef: { ...own, name: 'b', uid: await uidOf('b') } }),
    refused('node requested token bound to a pod scheduled on a different node'),
  );
  assert.equal(
    await ask({ audiences: ['bank'], boundObjectRef: own }),
    refused('audience "bank" not found in pod spec volume'),
  );
});

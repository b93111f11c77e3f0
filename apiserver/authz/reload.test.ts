// The AuthorizationConfiguration of a server that runs: another text of its file.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { WebhookClient } from '../webhook-client.ts';
import { authorizationDefaults } from './flags.ts';
import { createAuthorizer } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'k8ts-authz-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const [path, kubeConfigFile] = [join(folder, 'z.yaml'), join(folder, 'kubeconfig')];
const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };
const textOf = (...authorizers: object[]) => JSON.stringify({ ...head, authorizers });
const own = (type: string) => ({ type, name: type.toLowerCase() });
const closed = {
  type: 'Webhook',
  name: 'closed',
  webhook: {
    timeout: '1s',
    subjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
  },
};

test('the order and the webhooks of another text are in force; one that does not do changes nothing', async () => {
  const server = 'https://127.0.0.1:9/'; // nobody listens there
  const kubeconfig = {
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server } }],
    contexts: [{ name: 'c', context: { cluster: 'c' } }],
  };
  writeFileSync(kubeConfigFile, JSON.stringify(kubeconfig));
  writeFileSync(path, textOf(own('RBAC'), own('AlwaysAllow')));
  const { context } = await startMemoryApi();
  const deps = { ...context, webhooks: new WebhookClient(context) };
  const authorizer = createAuthorizer(deps, { ...authorizationDefaults, 'authorization-config': path });
  const isAllowed = async () => {
    const place = { group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'a', name: '', path: '' };
    const user = { username: 'joe', groups: [] };
    return (await authorizer.authorize({ user, verb: 'get', isResource: true, ...place })).allowed;
  };
  assert.equal(await isAllowed(), true);
  authorizer.configure(textOf(closed, own('RBAC'), own('AlwaysAllow')));
  assert.equal(await isAllowed(), false);
  for (const [text, why] of [
    [textOf(own('AlwaysAllow')), /z\.yaml: missing required types: \[RBAC\]/],
    [textOf(), /at least one authorization mode/],
    [textOf(own('RBAC'), { type: 'AlwaysAllow', name: 'all' }), /expected name alwaysallow for authorizer AlwaysAllow/],
    [textOf(own('RBAC'), own('AlwaysAllow'), own('Node')), /type Node is not allowed if it was not enabled at initial/],
    ['{', /z\.yaml: /],
  ] as const) {
    assert.throws(() => authorizer.configure(text), why);
    assert.equal(await isAllowed(), false, 'the former one is in force');
  }
  authorizer.configure(textOf(own('AlwaysAllow'), own('RBAC'), closed));
  assert.equal(await isAllowed(), true);
});

// Secrets with tokens of service accounts: filled, good to log in with, and gone with their account.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createControllers } from '../../../controllers/index.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, type RunningControllers, runControllers } from '../../environment/controllers.ts';
import { Kubectl } from '../../environment/kubectl.ts';

const path = '/api/v1/namespaces/default/secrets';
const text = (value: string) => Buffer.from(value, 'base64').toString();

describe('secrets with tokens of service accounts', () => {
  let api: TestControlPlane;
  let running: RunningControllers;
  let kubectl: Kubectl;
  let touches = 0;
  before(async () => {
    api = await startControlPlane();
    kubectl = new Kubectl(await api.kubeconfig());
    const rootCaPem = api.authority.certificatePem;
    const tokens = { privateKeyPem: readFileSync(api.file('sa.key'), 'utf8'), rootCaPem };
    running = await runControllers(api, createControllers({ rootCaPem, tokens, legacyTokenPeriodMs: 1 }));
  });
  after(async () => {
    await running?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  const create = (name: string, account: string, uid?: string) => {
    const annotations = {
      'kubernetes.io/service-account.name': account,
      ...(uid ? { 'kubernetes.io/service-account.uid': uid } : {}),
    };
    const body = { metadata: { name, annotations }, type: 'kubernetes.io/service-account-token' };
    return api.request('POST', path, { body });
  };
  const filled = (name: string) =>
    eventually(
      `${name} has a token`,
      async () => (await api.request('GET', `${path}/${name}`)).body,
      (s) => s.data?.token,
    );
  const gone = (name: string) =>
    eventually(
      `${name} is gone`,
      async () => (await api.request('GET', `${path}/${name}`)).status,
      (s) => s === 404,
    );

  test('are filled with a token that is good, the CA and the namespace, and go with the account', async () => {
    kubectl.get('create', 'serviceaccount', 'robot');
    assert.equal((await create('robot-token', 'robot')).status, 201);
    const { data, metadata } = await filled('robot-token');
    assert.equal(text(data['ca.crt']), api.authority.certificatePem);
    assert.equal(text(data.namespace), 'default');
    const account = kubectl.json('get', 'serviceaccount', 'robot');
    assert.equal(metadata.annotations['kubernetes.io/service-account.uid'], account.metadata.uid);
    const reviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const ask = () => api.request('POST', reviews, { token: text(data.token), body: {} });
    assert.equal((await ask()).body.status.userInfo.username, 'system:serviceaccount:default:robot');
    kubectl.get('delete', 'serviceaccount', 'robot');
    await gone('robot-token');
    assert.equal((await ask()).status, 401);
  });

  test('whose token, CA or namespace was taken out get it back; what else they have stays', async () => {
    kubectl.get('create', 'serviceaccount', 'mended');
    await create('mended-token', 'mended');
    const before = await filled('mended-token');
    const data = { token: null, namespace: null, 'ca.crt': Buffer.from('x').toString('base64'), more: 'bW9yZQ==' };
    await api.request('PATCH', `${path}/mended-token`, { contentType: 'application/merge-patch+json', body: { data } });
    const after = await eventually(
      'it is whole',
      async () => (await api.request('GET', `${path}/mended-token`)).body,
      (s) => s.data.token && s.data['ca.crt'] === before.data['ca.crt'],
    );
    assert.deepEqual(after.data, { ...before.data, more: 'bW9yZQ==' });
  });

  test('of an account that is not there, or is another one of the name, are removed', async () => {
    await create('of-nobody', 'nobody');
    await gone('of-nobody');
    kubectl.get('create', 'serviceaccount', 'anew');
    await create('of-another', 'anew', '00000000-0000-0000-0000-000000000000');
    await gone('of-another');
    assert.equal((await create('of-this', 'anew')).status, 201);
    await filled('of-this');
  });

  test('that accounts were given on their own are called invalid when nobody uses them', async () => {
    const merge = 'application/merge-patch+json';
    const metadata = { name: 'old' };
    await api.request('POST', path.replace('secrets', 'serviceaccounts'), {
      body: { metadata, secrets: [{ name: 'old-token' }] },
    });
    await create('old-token', 'old');
    const { data } = await filled('old-token');
    const ask = () =>
      api.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token: text(data.token), body: {} });
    const tracking = '/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking';
    const since = { data: { since: '2020-01-01' } };
    assert.equal((await api.request('PATCH', tracking, { contentType: merge, body: since })).status, 200);
    const labels = await eventually(
      'it is marked',
      async () => {
        // Looked at again when something changes, and once a day.
        const body = { metadata: { annotations: { touched: String(touches++) } } };
        return (await api.request('PATCH', `${path}/old-token`, { contentType: merge, body })).body.metadata.labels;
      },
      (found) => found !== undefined,
    );
    assert.deepEqual(Object.keys(labels), ['kubernetes.io/legacy-token-invalid-since']);
    await eventually('it is good no longer', ask, ({ status }) => status === 401);
    // Those that people made stay good, and show when they were used.
    await create('mine', 'old');
    const mine = await filled('mine');
    const reviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const use = await api.request('POST', reviews, { token: text(mine.data.token), body: {} });
    assert.equal(use.status, 201, use.body.message);
    const used = await eventually(
      'its use is noted',
      async () => (await api.request('GET', `${path}/mine`)).body.metadata.labels,
      (found) => found !== undefined,
    );
    assert.match(used['kubernetes.io/legacy-token-last-used'], /^\d{4}-\d\d-\d\d$/);
    assert.deepEqual(running.failures, []);
  });
});

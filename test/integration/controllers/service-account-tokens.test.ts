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
  before(async () => {
    api = await startControlPlane();
    kubectl = new Kubectl(await api.kubeconfig());
    const rootCaPem = api.authority.certificatePem;
    const tokens = { privateKeyPem: readFileSync(api.file('sa.key'), 'utf8'), rootCaPem };
    running = await runControllers(api, createControllers({ rootCaPem, tokens }));
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
    assert.deepEqual(running.failures, []);
  });
});

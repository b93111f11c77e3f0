// A range that is added, used, deleted, and kept until the last address of it has been given back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createControllers } from '../../../controllers/index.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, type RunningControllers, runControllers } from '../../environment/controllers.ts';

const ranges = '/apis/networking.k8s.io/v1/servicecidrs';
const services = '/api/v1/namespaces/default/services';

let api: TestControlPlane;
let running: RunningControllers;
before(async () => {
  api = await startControlPlane();
  running = await runControllers(api, createControllers({}));
});
after(async () => {
  await running?.[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const get = async (name: string) => (await api.request('GET', `${ranges}/${name}`)).body;
const readyOf = ({ status }: any) => status?.conditions?.find((condition: any) => condition.type === 'Ready');

test('the range of the cluster is ready and protected', async () => {
  const made = await eventually(
    'ready',
    () => get('kubernetes'),
    (it) => readyOf(it)?.status === 'True',
  );
  assert.deepEqual(made.metadata.finalizers, ['networking.k8s.io/service-cidr-finalizer']);
  assert.deepEqual(made.spec.cidrs, ['10.96.0.0/16']);
  assert.equal(readyOf(made).message, 'Kubernetes Service CIDR is ready');
});

test('a range goes when nothing of it is in use any longer', async () => {
  await api.request('POST', ranges, { body: { metadata: { name: 'more' }, spec: { cidrs: ['10.77.0.0/24'] } } });
  await eventually(
    'ready',
    () => get('more'),
    (it) => readyOf(it)?.status === 'True',
  );
  const spec = { clusterIP: '10.77.0.5', ports: [{ port: 80 }] };
  const made = await api.request('POST', services, { body: { metadata: { name: 'far' }, spec } });
  assert.equal(made.status, 201, made.body.message);

  await api.request('DELETE', `${ranges}/more`);
  const going = await eventually(
    'held',
    () => get('more'),
    (it) => readyOf(it)?.status === 'False',
  );
  assert.equal(readyOf(going).reason, 'Terminating');
  const refused = await api.request('POST', services, {
    body: { metadata: { name: 'late' }, spec: { ...spec, clusterIP: '10.77.0.6' } },
  });
  assert.equal(refused.status, 422);

  await api.request('DELETE', `${services}/far`);
  await eventually(
    'gone',
    () => get('more'),
    (it) => it.code === 404,
  );
});

// A server that starts knows its built-in kinds before those from definitions. Whoever asks for one of these meanwhile
// must not be told that there is none: controllers would take that for the truth.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type Answer, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { startEtcdCluster } from '../../environment/etcd-cluster.ts';
import { TcpLink } from '../../environment/tcp-link.ts';

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;
const widgets = '/apis/example.com/v1/namespaces/default/widgets';
const definition = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};

/** Asks again and again, from when nobody listens until the answer is 200. Returns the other answers. */
async function askUntilServed(plane: TestControlPlane, path: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (;;) {
    const answer = await plane.request('GET', path).catch(() => undefined);
    if (answer?.status === 200) return answers;
    if (answer) answers.push(answer);
  }
}

test('until all paths are known, one that is not is asked for again', { skip: !hasEtcd, timeout: 60_000 }, async () => {
  await using etcd = await startEtcdCluster(1);
  const link = await TcpLink.open(Number(new URL(etcd.servers[0]!).port));
  using _ = { [Symbol.dispose]: () => link.close() };
  await using plane = await startControlPlane([], [`http://127.0.0.1:${link.port}`]);
  const made = await plane.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    body: definition,
  });
  assert.equal(made.status, 201);
  await askUntilServed(plane, widgets);
  await plane.killApiServer();
  link.delay(100);
  const [answers, unknown] = await Promise.all([
    askUntilServed(plane, widgets),
    plane.startApiServer().then(() => plane.request('GET', '/apis/example.com/v1/namespaces/default/gadgets')),
  ]);
  assert.equal(unknown.status, 404, 'afterwards it is told what there is not');
  const codes = [...new Set(answers.map(({ status }) => status))];
  assert.deepEqual(codes, [503]);
  const early = answers.find(({ body }) => /before all known HTTP paths/.test(body.message));
  assert.deepEqual(early?.body, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'the request has been made before all known HTTP paths have been installed, please try again',
    reason: 'ServiceUnavailable',
    details: { retryAfterSeconds: 5 },
    code: 503,
  });
  assert.equal(early?.headers['retry-after'], '5');
});

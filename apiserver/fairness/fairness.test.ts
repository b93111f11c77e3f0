// Which level a request has its turn in, by the objects of a cluster; what schemas say of their levels.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import type { UserInfo } from '../authn/user.ts';
import { ensureBootstrapObjects } from '../bootstrap/bootstrap.ts';
import { requestInfoOf } from '../request-info.ts';
import { keepDanglingConditions } from './dangling.ts';
import { Fairness } from './fairness.ts';
import { createFairnessMetrics } from './metrics.ts';

const path = '/apis/flowcontrol.apiserver.k8s.io/v1';
const user = (username: string, ...groups: string[]): UserInfo => ({
  username,
  groups: [...groups, 'system:authenticated'],
});

function fairnessOf(api: MemoryApi, totalSeats = 600) {
  const registry = new Registry();
  const metrics = createFairnessMetrics(registry);
  const { store, kinds } = api.context;
  return { registry, fairness: new Fairness({ store, kinds, clock: api.clock, metrics, totalSeats }) };
}

const fresh = (api: MemoryApi) => api.context.store.cache.waitConsistent();

describe('a request', () => {
  let api: MemoryApi;
  let uids: Record<string, string>;
  before(async () => {
    api = await startMemoryApi();
    await ensureBootstrapObjects(api.context);
    await fresh(api);
    const all = [
      ...(await api.send('GET', `${path}/flowschemas`)),
      ...(await api.send('GET', `${path}/prioritylevelconfigurations`)),
    ];
    uids = Object.fromEntries(all.map((o: any) => [o.metadata.uid, o.metadata.name]));
  });

  const pods = '/api/v1/namespaces/default/pods';
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n';
  const cases: [string, UserInfo, [string, string], string, string][] = [
    ['an administrator', user('admin', 'system:masters'), ['GET', pods], 'exempt', 'exempt'],
    ['a probe', user('ann'), ['GET', '/livez'], 'probes', 'exempt'],
    ['a node and its lease', user('system:node:n', 'system:nodes'), ['PUT', leases], 'system-node-high', 'node-high'],
    ['a node and pods', user('system:node:n', 'system:nodes'), ['GET', pods], 'system-nodes', 'system'],
    ['the scheduler', user('system:kube-scheduler'), ['POST', `${pods}/p/binding`], 'kube-scheduler', 'workload-high'],
    [
      'an account',
      user('system:serviceaccount:x:y', 'system:serviceaccounts'),
      ['GET', pods],
      'service-accounts',
      'workload-low',
    ],
    [
      'an account of the system',
      user('system:serviceaccount:kube-system:y'),
      ['GET', pods],
      'kube-system-service-accounts',
      'workload-high',
    ],
    ['somebody', user('ann'), ['GET', pods], 'global-default', 'global-default'],
    [
      'nobody',
      { username: 'system:anonymous', groups: ['system:unauthenticated'] },
      ['GET', '/version'],
      'global-default',
      'global-default',
    ],
  ];
  for (const [name, who, [method, url], schema, level] of cases) {
    test(`of ${name} belongs to ${schema}`, () => {
      const place = fairnessOf(api).fairness.place({ info: requestInfoOf(method, url), user: who, waitMs: 1000 });
      assert.deepEqual([uids[place.schemaUid], uids[place.levelUid]], [schema, level]);
    });
  }

  test('has seats by shares; what is too much is refused and counted', async () => {
    const { fairness, registry } = fairnessOf(api, 12);
    const place = () => fairness.place({ info: requestInfoOf('GET', pods), user: user('ann'), waitMs: 500 }).turn;
    const seats = [];
    let waiting: unknown;
    while (!waiting) {
      const turn = place();
      if (turn instanceof Promise) waiting = turn;
      else seats.push(turn);
    }
    assert.ok(seats.length >= 1 && seats.length <= 12, `${seats.length} at a time`);
    const masters = fairness.place({
      info: requestInfoOf('GET', pods),
      user: user('a', 'system:masters'),
      waitMs: 500,
    });
    assert.ok('end' in masters.turn, 'others are not held up');
    await api.clock.advance(500);
    assert.deepEqual(await waiting, { refused: 'time-out' });
    const labels = 'priority_level="global-default",flow_schema="global-default"';
    const text = await registry.metrics();
    assert.ok(text.includes(`apiserver_flowcontrol_rejected_requests_total{${labels},reason="time-out"} 1`), text);
    assert.ok(text.includes(`apiserver_flowcontrol_current_executing_requests{${labels}} ${seats.length}`));
    assert.ok(text.includes(`apiserver_flowcontrol_current_inqueue_requests{${labels}} 0`));
  });
});

test('a schema that is made counts from then on; without a cluster everything falls to catch-all', async () => {
  const api = await startMemoryApi();
  const { fairness } = fairnessOf(api);
  const wish = { info: requestInfoOf('GET', '/version'), user: user('ann'), waitMs: 1000 };
  assert.deepEqual([fairness.place(wish).schemaUid, fairness.place(wish).levelUid], ['', '']);
  const level = { spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } };
  const subjects = [{ kind: 'User', user: { name: 'ann' } }];
  const rules = [{ subjects, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/version'] }] }];
  const spec = { matchingPrecedence: 50, priorityLevelConfiguration: { name: 'mine' }, rules };
  const stop = await keepDanglingConditions(api.context);
  const made = await api.send('POST', `${path}/flowschemas`, { body: { metadata: { name: 'mine' }, spec } });
  const condition = async (status: string) => {
    for (let i = 0; i < 100; i++) {
      const { status: now } = await api.send('GET', `${path}/flowschemas/mine`);
      const found = now?.conditions?.find((c: any) => c.type === 'Dangling');
      if (found?.status === status) return found;
      await api.clock.advance(100);
    }
    throw new Error(`the schema does not become Dangling=${status}`);
  };
  assert.equal((await condition('True')).reason, 'NotFound');
  assert.equal(fairness.place(wish).schemaUid, '', 'a schema without its level takes nothing');
  await api.send('POST', `${path}/prioritylevelconfigurations`, { body: { metadata: { name: 'mine' }, ...level } });
  assert.equal((await condition('False')).reason, 'Found');
  assert.equal(fairness.place(wish).schemaUid, made.metadata.uid);
  await api.send('DELETE', `${path}/prioritylevelconfigurations/mine`);
  await condition('True');
  stop();
});

// Evictions under a disruption budget.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { evictionSubresource } from './eviction.ts';

const base = '/api/v1/namespaces/default/pods';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const merge = 'application/merge-patch+json';
const text = "Cannot evict pod as it would violate the pod's disruption budget.";
const selector = { matchLabels: { a: 'b' } };

async function start(names: string[], status: object, spec: object = {}) {
  const api = await startMemoryApi();
  for (const name of names) await addPod(api, name);
  await addBudget(api, 'b', { selector, minAvailable: 1, ...spec });
  await setBudget(api, status);
  return api;
}

async function addPod(api: MemoryApi, name: string, isReady = true, phase = 'Running') {
  const body = { metadata: { name, labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await api.send('POST', base, { body });
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  await api.send('PATCH', `${base}/${name}/status`, { body: { status: { phase, conditions } }, contentType: merge });
}

const addBudget = (api: MemoryApi, name: string, spec: object) =>
  api.send('POST', budgets, { body: { metadata: { name }, spec } });

const setBudget = (api: MemoryApi, status: object) =>
  api.send('PATCH', `${budgets}/b/status`, {
    body: { status: { observedGeneration: 1, ...status } },
    contentType: merge,
  });

const budget = async (api: MemoryApi) => (await api.send('GET', `${budgets}/b`)).status;

function evict(api: MemoryApi, name: string, deleteOptions: object = {}, query = '') {
  const body = { metadata: { name }, deleteOptions };
  const request = api.request('POST', `${base}/${name}/eviction${query}`, { body });
  return evictionSubresource.handle(api.context as never, request, undefined as never);
}

async function refused(work: Promise<unknown>): Promise<StatusError> {
  let refusal: StatusError | undefined;
  await work.catch((err) => (refusal = err));
  assert.ok(refusal, 'it was let through');
  return refusal;
}

const isGoing = async (api: MemoryApi, name: string) =>
  !!(await api.send('GET', `${base}/${name}`).catch(() => ({ metadata: { deletionTimestamp: 'gone' } }))).metadata
    .deletionTimestamp;

test('what is let through is counted; the last one is told in a condition', async () => {
  const api = await start(['p', 'q'], { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2 });
  await evict(api, 'p');
  assert.ok(await isGoing(api, 'p'));
  const { disruptionsAllowed, disruptedPods, conditions } = await budget(api);
  assert.deepEqual([disruptionsAllowed, Object.keys(disruptedPods)], [0, ['p']]);
  assert.deepEqual(
    conditions.map((c: any) => [c.type, c.status, c.reason, c.observedGeneration]),
    [['DisruptionAllowed', 'False', 'InsufficientPods', 1]],
  );
  const err = await refused(evict(api, 'q'));
  assert.deepEqual([err.code, err.reason, err.message], [429, 'TooManyRequests', text]);
  assert.deepEqual(err.details, {
    causes: [
      { reason: 'DisruptionBudget', message: 'The disruption budget b needs 1 healthy pods and has 2 currently' },
    ],
  });
  assert.equal(await isGoing(api, 'q'), false);
});

test('many at a time take no more than there is', async () => {
  const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
  const api = await start(names, { disruptionsAllowed: 2, desiredHealthy: 4, currentHealthy: 6 });
  const results = await Promise.allSettled(names.map((name) => evict(api, name)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 2);
  const going = await Promise.all(names.map((name) => isGoing(api, name)));
  assert.equal(going.filter(Boolean).length, 2);
  assert.equal((await budget(api)).disruptionsAllowed, 0);
});

test('a budget whose controller has not seen it yet is waited for', async () => {
  const api = await start(['p'], { disruptionsAllowed: 1, observedGeneration: 0 });
  const err = await refused(evict(api, 'p'));
  assert.deepEqual([err.code, err.details!.retryAfterSeconds], [429, 10]);
  assert.equal(err.details!.causes![0]!.message, 'The disruption budget b is still being processed by the server.');
});

test('a dry run asks the budget, and takes nothing', async () => {
  const api = await start(['p'], { disruptionsAllowed: 1 });
  await evict(api, 'p', {}, '?dryRun=All');
  assert.deepEqual([await isGoing(api, 'p'), (await budget(api)).disruptionsAllowed], [false, 1]);
  await setBudget(api, { disruptionsAllowed: 0 });
  assert.equal((await refused(evict(api, 'p', { dryRun: ['All'] }))).code, 429);
});

test('a budget whose controller hears of no eviction lets no more through', async () => {
  const many = Array.from({ length: 2001 }, (_, i) => [`gone-${i}`, '2026-01-01T00:00:00Z']);
  const api = await start(['p'], { disruptionsAllowed: 1, disruptedPods: Object.fromEntries(many) });
  const { code, message } = await refused(evict(api, 'p'));
  const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
  assert.deepEqual([code, message], [403, `poddisruptionbudget.policy "b" is forbidden: ${why}`]);
});

test('two budgets for one pod are too many', async () => {
  const api = await start(['p'], { disruptionsAllowed: 1 });
  await addBudget(api, 'other', { selector: {}, minAvailable: 0 });
  const err = await refused(evict(api, 'p'));
  assert.equal(err.code, 500);
  assert.match(err.message, /^This pod has more than one PodDisruptionBudget, which the eviction subresource does not/);
});

describe('pods that need no budget', () => {
  const none = { disruptionsAllowed: 0, desiredHealthy: 2, currentHealthy: 1 };
  test('those that ended or never ran', async () => {
    const api = await start([], none);
    for (const phase of ['Pending', 'Succeeded', 'Failed']) {
      const name = phase.toLowerCase();
      await addPod(api, name, false, phase);
      await evict(api, name);
      assert.ok(await isGoing(api, name), phase);
    }
  });
  test('one that is not ready, where enough others are', async () => {
    const api = await start([], none);
    await addPod(api, 'p', false);
    assert.equal((await refused(evict(api, 'p'))).code, 429);
    await setBudget(api, { ...none, currentHealthy: 2 });
    await evict(api, 'p');
    assert.ok(await isGoing(api, 'p'));
    assert.equal((await budget(api)).disruptedPods, undefined);
  });
  test('one that is not ready, where the budget says so', async () => {
    const api = await start([], none, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await addPod(api, 'p', false);
    await evict(api, 'p');
    assert.ok(await isGoing(api, 'p'));
  });
  test('one that no budget selects', async () => {
    const api = await start(['p'], none, { selector: { matchLabels: { a: 'c' } } });
    await evict(api, 'p');
    assert.ok(await isGoing(api, 'p'));
  });
});

test('a replication controller that is deleted leaves its pods, and says nothing of it', async () => {
  const api = await startMemoryApi();
  const path = '/api/v1/namespaces/default/replicationcontrollers';
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await api.send('POST', path, { body: { metadata: { name: 'r' }, spec: { template } } });
  const answer = await api.answer('DELETE', `${path}/r`);
  assert.deepEqual(answer.warnings, []);
  assert.deepEqual((await api.send('GET', `${path}/r`)).metadata.finalizers, ['orphan']);
});

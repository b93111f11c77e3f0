import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeClient } from '../../client/rest.ts';
import { notFoundError } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import { silentLogger } from '../../machinery/log.ts';
import { mergePatchInSteps } from '../../machinery/merge-patch.ts';
import { finish } from '../../machinery/steps.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { NodeReporter } from './node-reporter.ts';

/** A node store that answers as the API server does, as far as the reporter asks. */
function fakeApi() {
  const state = { node: undefined as any, statusWrites: 0, beforePatch: undefined as undefined | (() => void) };
  const nodes = {
    create: async (node: any) => {
      state.node = cloneJson(node);
      return cloneJson(node);
    },
    get: async () => {
      if (!state.node) throw notFoundError({ group: '', resource: 'nodes' }, 'n');
      return cloneJson(state.node);
    },
    patch: async (_target: object, patch: any, options: { subresource?: string }) => {
      if (options.subresource === 'status') state.statusWrites++;
      if (options.subresource === 'status') state.beforePatch?.();
      state.node = finish(mergePatchInSteps(state.node, cloneJson(patch)));
      return cloneJson(state.node);
    },
  };
  const leases = { patch: async () => ({}), create: async () => ({}) };
  const client = {
    resource: (kind: { kind: string }) => (kind.kind === 'Node' ? nodes : leases),
  } as unknown as KubeClient;
  return { state, client };
}

const fine = { reason: '', message: '' };
const cri = {
  runtime: {
    Status: async () => ({
      status: {
        conditions: [
          { type: 'RuntimeReady', status: true, ...fine },
          { type: 'NetworkReady', status: true, ...fine },
        ],
      },
      info: {},
      runtime_handlers: [],
      features: null,
    }),
  },
  images: { ListImages: async () => ({ images: [] }) },
} as unknown as CriClient;

const ready = (node: any) => node.status.conditions.find((c: any) => c.type === 'Ready').status;

/** A reporter of a node that is ready, and a clock that others get to work by. */
async function startReporter(deps: { client: KubeClient; cri: CriClient; events?: string[] }) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const reporter = new NodeReporter({
    ...deps,
    clock,
    log: silentLogger,
    events: { event: (_target, _type, reason) => deps.events?.push(reason) },
    identity: { name: 'n', ip: '10.0.0.1', port: 10_250, labels: {} },
    facts: {
      cpus: 2,
      memoryBytes: 1 << 30,
      diskBytes: 1 << 30,
      hugePages: { '2Mi': 0, '1Gi': 0 },
      maxPids: 100,
      hasAppArmor: false,
      machineId: 'm',
      systemUuid: 's',
      bootId: 'b',
      kernelVersion: '6',
      osImage: 'Debian',
      architecture: 'amd64',
    },
    version: { runtime_name: 'k8ts', runtime_version: '1' } as never,
    pressure: () => [],
    tree: { version: 2 },
    volumesInUse: () => [],
  });
  await reporter.start(stop.signal);
  const settle = async (ms: number) => {
    for (let i = 0; i < 20; i++) await clock.advance(ms / 20);
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  return { stop, settle };
}

test('a runtime that does not answer makes the node not ready after 30 seconds, not at the first look', async () => {
  const { state, client } = fakeApi();
  let answers = true;
  const unlessDown =
    <T>(call: () => Promise<T>) =>
    () =>
      answers ? call() : Promise.reject(new Error('UNAVAILABLE'));
  const image = { id: 'i', repo_tags: ['a:1'], repo_digests: [], size: '7', username: '', pinned: false };
  const flaky = {
    runtime: { Status: unlessDown(() => cri.runtime.Status({})) },
    images: { ListImages: unlessDown(async () => ({ images: [image] })) },
  } as unknown as CriClient;
  const { stop, settle } = await startReporter({ client, cri: flaky });
  const writes = state.statusWrites;
  answers = false;
  await settle(21_000);
  answers = true;
  await settle(11_000);
  assert.equal(state.statusWrites, writes, 'a restart is no news');
  answers = false;
  await settle(19_000);
  assert.equal(ready(state.node), 'True');
  await settle(21_000);
  assert.equal(ready(state.node), 'False');
  assert.equal(state.node.status.images.length, 1, 'its images are there all the same');
  answers = true;
  await settle(1_000);
  assert.equal(ready(state.node), 'True');
  stop.abort();
});

test('a node that was declared Unknown while its kubelet was silent is reported again within a period', async () => {
  const { state, client } = fakeApi();
  const events: string[] = [];
  const { stop, settle } = await startReporter({ client, cri, events });
  assert.equal(ready(state.node), 'True');
  const before = state.statusWrites;
  const condition = state.node.status.conditions.find((c: any) => c.type === 'Ready');
  Object.assign(condition, { status: 'Unknown', reason: 'NodeStatusUnknown' });
  events.length = 0;
  await settle(11_000);
  assert.equal(ready(state.node), 'True');
  assert.equal(state.statusWrites, before + 1);
  assert.deepEqual(events, ['NodeReady']);
  await settle(11_000);
  assert.equal(state.statusWrites, before + 1, 'nothing has changed since');
  // An extended resource comes and goes with what an administrator writes into the capacity.
  state.node.status.capacity['example.com/dongle'] = '4';
  await settle(22_000);
  assert.equal(state.node.status.allocatable['example.com/dongle'], '4');
  assert.equal(state.statusWrites, before + 2, 'written once');
  // Taken away in the moment between its look and its patch.
  state.node.status.capacity['example.com/other'] = '1';
  state.beforePatch = () => delete state.node.status.capacity['example.com/dongle'];
  await settle(11_000);
  state.beforePatch = undefined;
  assert.equal('example.com/dongle' in state.node.status.capacity, false);
  await settle(11_000);
  assert.deepEqual(
    Object.keys(state.node.status.allocatable).filter((name) => name.startsWith('example.com/')),
    ['example.com/other'],
  );
  stop.abort();
});

// One pod's resize, with a runtime that does as it is told.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container } from '../../api/core/pod/container.ts';
import type { PodCondition } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { LinuxContainerResources } from '../../proto/cri.gen.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import type { KubeletDeps } from '../pods/kubelet-deps.ts';
import type { PodRuntime } from '../pods/pod-runtime.ts';
import { joinSandboxes, runtimeAnnotations } from '../pods/runtime-state.ts';
import { containerResources } from '../spec/resources.ts';
import { type Allocation, allocationOf } from './allocation.ts';
import { PodResizer } from './pod-resizer.ts';
import { planResize } from './resize-plan.ts';
import { resizeConditions } from './resize-text.ts';

const node = { memoryBytes: 1 << 30, hugePages: {}, containerFiles: {} };
const mib = 1 << 20;

const container = (cpu: string, memory: string, more: Partial<Container> = {}): Container => ({
  name: 'c',
  image: 'i',
  resources: { requests: { cpu, memory }, limits: { cpu, memory } },
  ...more,
});
const podOf = (generation: number, ...containers: Container[]): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u', generation },
  spec: { containers },
  status: {},
});

/** What runs, with the amounts that `pod` says, and what is done to it, in order. */
function world(before: Pod, { usage = 0, stored = allocationOf(before) as Allocation | undefined } = {}) {
  const given = (c: Container) => containerResources(before, c, node) as unknown as LinuxContainerResources;
  const running = before.spec.containers.map((c) => ({
    ...runtimeContainer({ name: c.name, annotations: { [runtimeAnnotations.memoryRequest]: `${64 * mib}` } }),
    resources: { linux: given(c), windows: null },
  }));
  const did: string[] = [];
  const told: string[] = [];
  const state = () => joinSandboxes([{ sandbox: runtimeSandbox(), containers: running as never }]);
  const deps = {
    log: silentLogger,
    nodeResources: node,
    allocations: { read: () => stored, write: (_: Pod, next: Allocation) => did.push(`write ${next.generation}`) },
    events: {
      event: (_: object, type: string, reason: string, text: string) => told.push(`${type} ${reason} ${text}`),
    },
    cgroups: { resize: (_: Pod, step: string) => did.push(step), memoryDecrease: () => undefined },
    cri: {
      runtime: {
        ContainerStats: async () => ({ stats: { memory: { usage_bytes: { value: `${usage}` } } } }),
        UpdateContainerResources: async (req: { container_id: string; linux: LinuxContainerResources }) => {
          did.push(`${req.container_id} ${req.linux.cpu_quota} ${req.linux.memory_limit_in_bytes}`);
          Object.assign(running.find(({ id }) => id === req.container_id)!.resources.linux, req.linux);
        },
      },
    },
  } as unknown as KubeletDeps;
  const runtime = {
    refresh: async () => undefined,
    get state() {
      return state();
    },
  } as unknown as PodRuntime;
  const conditions = (of: PodResizer) =>
    resizeConditions(of.state, [], 0).map((c) => [c.type, c.reason, c.message, c.observedGeneration]);
  return { deps, runtime, did, told, conditions, state };
}

describe('a resize that is granted', () => {
  test('is in force at once, between the growing and the shrinking of the group of the pod', async () => {
    const [before, after] = [podOf(1, container('1', '64Mi')), podOf(2, container('500m', '128Mi'))];
    const { deps, runtime, did, told, conditions } = world(before);
    const resizer = new PodResizer(deps, before, []);
    assert.equal(await resizer.sync(before, runtime), undefined);
    assert.deepEqual(did.splice(0), ['grow', 'shrink'], 'nothing is known of the group at first');
    assert.equal(resizer.isPending(after), true);
    resizer.grant(after);
    assert.deepEqual(conditions(resizer), [['PodResizeInProgress', undefined, undefined, 2]]);
    assert.equal(await resizer.sync(after, runtime), undefined);
    assert.deepEqual(did, ['write 2', 'grow', `c-0 50000 ${128 * mib}`, 'shrink']);
    assert.deepEqual(conditions(resizer), []);
    const summary =
      '{"containers":[{"name":"c","resources":{"limits":{"cpu":"500m","memory":"128Mi"},"requests":{"cpu":"500m","memory":"128Mi"}}}],"generation":2}';
    assert.deepEqual(told, [
      `Normal ResizeStarted Pod resize started: ${summary}`,
      `Normal ResizeCompleted Pod resize completed: ${summary}`,
    ]);
    assert.equal(await resizer.sync(after, runtime), undefined);
    assert.equal(did.length, 4, 'what is in line is left alone');
  });

  test('goes on after a restart of the kubelet', async () => {
    const [before, after] = [podOf(1, container('1', '64Mi')), podOf(2, container('2', '64Mi'))];
    const known = [{ type: 'PodResizeInProgress', status: 'True', observedGeneration: 2 } as PodCondition];
    const { deps, runtime, did, told } = world(before, { stored: allocationOf(after) });
    const resizer = new PodResizer(deps, after, known);
    await resizer.sync(after, runtime);
    assert.deepEqual(did, ['grow', `c-0 200000 ${64 * mib}`, 'shrink']);
    assert.match(told.join(), /^Normal ResizeCompleted .*"generation":2\}$/);
  });

  test('takes no memory that is in use', async () => {
    const [before, after] = [podOf(1, container('1', '128Mi')), podOf(2, container('2', '64Mi'))];
    const { deps, runtime, did, told, conditions } = world(before, { usage: 100 * mib });
    const resizer = new PodResizer(deps, before, []);
    resizer.grant(after);
    assert.equal(await resizer.sync(after, runtime), 10_000);
    assert.equal(await resizer.sync(after, runtime), 10_000);
    assert.deepEqual(did, ['write 2']);
    const message = `cannot decrease memory limits: attempting to set container "c" memory limit (${64 * mib}) below current usage (${100 * mib})`;
    assert.deepEqual(conditions(resizer), [['PodResizeInProgress', 'Error', message, 2]]);
    assert.equal(told.length, 2, 'it is told once');
    assert.match(told[1]!, /^Warning ResizeError Pod resize error: .*"error":"cannot decrease memory limits/);
    resizer.grant(podOf(3, container('2', '128Mi')));
    await resizer.sync(podOf(3, container('2', '128Mi')), runtime);
    assert.deepEqual(conditions(resizer), []);
  });
});

test('a refusal is told once, and forgotten with the wish', async () => {
  const [before, after] = [podOf(1, container('1', '64Mi')), podOf(2, container('9', '64Mi'))];
  const { deps, runtime, told, conditions } = world(before);
  const resizer = new PodResizer(deps, before, []);
  const refusal = { reason: 'Deferred', message: 'no room', said: 'OutOfcpu' } as const;
  assert.equal(resizer.refuse(after, refusal), true);
  assert.equal(resizer.refuse(after, refusal), false);
  assert.deepEqual(conditions(resizer), [['PodResizePending', 'Deferred', 'no room', 2]]);
  assert.match(told.join(), /^Warning ResizeDeferred Pod resize OutOfcpu: .*"generation":2,"error":"no room"\}$/);
  assert.deepEqual(resizer.allocated(after).spec, before.spec);
  await resizer.sync(after, runtime);
  assert.equal(conditions(resizer).length, 1);
  await resizer.sync(podOf(3, container('1', '64Mi')), runtime);
  assert.deepEqual(conditions(resizer), []);
});

const restarts = (resourceName: string) => ({ resizePolicy: [{ resourceName, restartPolicy: 'RestartContainer' }] });
const plans: [string, Container, string][] = [
  ['nothing', container('1', '64Mi', restarts('memory')), ''],
  ['another cpu, restart for memory', container('2', '64Mi', restarts('memory')), 'in place'],
  ['another memory, restart for memory', container('1', '65Mi', restarts('memory')), 'restart'],
  ['another cpu, restart for cpu', container('2', '64Mi', restarts('cpu')), 'restart'],
  [
    'only another request of memory, restart for memory',
    {
      ...container('1', '64Mi', restarts('memory')),
      resources: { requests: { cpu: '1', memory: '32Mi' }, limits: { cpu: '1', memory: '64Mi' } },
    },
    'restart',
  ],
  [
    'only another request of memory',
    {
      ...container('1', '64Mi'),
      resources: { requests: { cpu: '1', memory: '32Mi' }, limits: { cpu: '1', memory: '64Mi' } },
    },
    '',
  ],
];
describe('planResize()', () => {
  for (const [name, next, want] of plans)
    test(name, () => {
      const { state } = world(podOf(1, container('1', '64Mi')));
      const found = planResize(podOf(2, next), state(), node).map((c) => (c.needsRestart ? 'restart' : 'in place'));
      assert.equal(found.join(), want);
    });

  test('cpu below what the kernel knows is no difference', () => {
    const { state } = world(podOf(1, container('1m', '64Mi')));
    assert.deepEqual(planResize(podOf(2, container('2m', '64Mi')), state(), node), []);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { PodSandboxStatus } from '../../proto/cri.gen.ts';
import { type ContainerInit, runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import { planPod } from './plan.ts';
import { emptyRuntimeState, joinSandboxes } from './runtime-state.ts';

const app = { name: 'app', image: 'app:1' };
const init = (name: string) => ({ name, image: 'app:1' });
const sidecar = (name: string) => ({ ...init(name), restartPolicy: 'Always' });

const on42 = { exitCodes: { operator: 'In' as const, values: [42] } };
const one = { ...on42, action: 'Restart' };
const forAll = [{ ...on42, action: 'RestartAllContainers' }];

const podOf = (spec: Partial<Pod['spec']>): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [app], restartPolicy: 'Always', ...spec },
  status: {},
});

interface Case {
  name: string;
  spec?: Partial<Pod['spec']>;
  containers?: ContainerInit[];
  sandbox?: 'none' | 'ended';
  /** Of a sandbox before, which has ended. */
  earlier?: ContainerInit[];
  unstarted?: string[];
  failed?: Record<string, 'LivenessProbe' | 'StartupProbe'>;
  /** Stopped because its spec changed. */
  replaced?: string;
  want: { start?: string[]; stop?: string[]; createSandbox?: boolean; restartAll?: boolean; complete?: boolean };
}

const cases: Case[] = [
  { name: 'nothing there yet', sandbox: 'none', want: { createSandbox: true } },
  { name: 'a fresh sandbox', want: { start: ['app'] } },
  { name: 'all runs', containers: [{ name: 'app' }], want: {} },
  {
    name: 'a start that was cut off',
    containers: [{ name: 'app', state: 'CONTAINER_CREATED' }],
    want: { start: ['app'] },
  },
  { name: 'Always restarts after success', containers: [{ name: 'app', exitCode: 0 }], want: { start: ['app'] } },
  {
    name: 'OnFailure restarts after a failure',
    spec: { restartPolicy: 'OnFailure' },
    containers: [{ name: 'app', exitCode: 1 }],
    want: { start: ['app'] },
  },
  {
    name: 'OnFailure ends with success',
    spec: { restartPolicy: 'OnFailure' },
    containers: [{ name: 'app', exitCode: 0 }],
    want: { complete: true },
  },
  {
    name: 'Never ends with a failure',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', exitCode: 1 }],
    want: { complete: true },
  },
  {
    name: 'an exit code after which all begin anew',
    spec: { restartPolicy: 'Never', containers: [app, { name: 'cause', restartPolicyRules: forAll }] },
    containers: [{ name: 'app' }, { name: 'cause', exitCode: 42 }],
    want: { restartAll: true },
  },
  {
    name: 'the first rule that fits counts',
    spec: { restartPolicy: 'Never', containers: [{ ...app, restartPolicyRules: [one, ...forAll] }] },
    containers: [{ name: 'app', exitCode: 42 }],
    want: { start: ['app'] },
  },
  {
    name: 'a completed pod whose sandbox is gone stays completed',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', exitCode: 0 }],
    sandbox: 'ended',
    want: { complete: true },
  },
  {
    name: 'a sandbox that ended',
    containers: [{ name: 'app', exitCode: 137 }],
    sandbox: 'ended',
    want: { createSandbox: true },
  },
  { name: 'the first init container', spec: { initContainers: [init('i1'), init('i2')] }, want: { start: ['i1'] } },
  {
    name: 'the next init container',
    spec: { initContainers: [init('i1'), init('i2')] },
    containers: [{ name: 'i1', exitCode: 0 }],
    want: { start: ['i2'] },
  },
  {
    name: 'a running init container is waited for',
    spec: { initContainers: [init('i1')] },
    containers: [{ name: 'i1' }],
    want: {},
  },
  {
    name: 'an init container failed for good',
    spec: { initContainers: [init('i1')], restartPolicy: 'Never' },
    containers: [{ name: 'i1', exitCode: 3 }],
    want: { complete: true },
  },
  {
    name: 'an init container is tried again',
    spec: { initContainers: [init('i1')] },
    containers: [{ name: 'i1', exitCode: 3 }],
    want: { start: ['i1'] },
  },
  {
    name: 'a sidecar that has not started holds up the rest',
    spec: { initContainers: [sidecar('s')] },
    containers: [{ name: 's' }],
    unstarted: ['s-0'],
    want: {},
  },
  {
    name: 'a sidecar that runs lets the rest begin',
    spec: { initContainers: [sidecar('s')] },
    containers: [{ name: 's' }],
    want: { start: ['app'] },
  },
  {
    name: 'a sidecar that ended is restarted beside the others',
    spec: { initContainers: [sidecar('s')] },
    containers: [{ name: 's', exitCode: 1 }, { name: 'app' }],
    want: { start: ['s'] },
  },
  {
    name: 'once a container exists, init containers are over',
    spec: { initContainers: [init('i1')] },
    containers: [{ name: 'app', exitCode: 1 }],
    want: { start: ['app'] },
  },
  {
    name: 'a new sandbox begins with init containers again',
    spec: { initContainers: [init('i1'), init('i2')] },
    earlier: [
      { name: 'i1', exitCode: 0 },
      { name: 'i2', exitCode: 0 },
      { name: 'app', exitCode: 137 },
    ],
    want: { start: ['i1'] },
  },
  {
    name: 'a new sandbox goes on with the next init container',
    spec: { initContainers: [init('i1'), init('i2')] },
    earlier: [
      { name: 'i1', exitCode: 0 },
      { name: 'i2', exitCode: 0 },
      { name: 'app', exitCode: 137 },
    ],
    containers: [{ name: 'i1', attempt: 1, exitCode: 0 }],
    want: { start: ['i2'] },
  },
  {
    name: 'in a new sandbox too a sidecar that has not started holds up the rest',
    spec: { initContainers: [sidecar('s'), init('i1')] },
    earlier: [
      { name: 's', exitCode: 137 },
      { name: 'i1', exitCode: 0 },
      { name: 'app', exitCode: 137 },
    ],
    containers: [{ name: 's', attempt: 1 }],
    unstarted: ['s-1'],
    want: {},
  },
  {
    name: 'a new sandbox after its init containers',
    spec: { initContainers: [init('i1')] },
    earlier: [
      { name: 'i1', exitCode: 0 },
      { name: 'app', exitCode: 137 },
    ],
    containers: [{ name: 'i1', attempt: 1, exitCode: 0 }],
    want: { start: ['app'] },
  },
  {
    name: 'a new sandbox of a pod that has ended for good in the one before',
    spec: { initContainers: [init('i1')], restartPolicy: 'Never' },
    earlier: [
      { name: 'i1', exitCode: 0 },
      { name: 'app', exitCode: 137 },
    ],
    want: { complete: true },
  },
  {
    name: 'a liveness failure',
    containers: [{ name: 'app' }],
    failed: { 'app-0': 'LivenessProbe' },
    want: { stop: ['Container app failed liveness probe, will be restarted'] },
  },
  {
    name: 'a startup failure of what is not started again',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app' }],
    failed: { 'app-0': 'StartupProbe' },
    want: { stop: ['Container app failed startup probe'] },
  },
  {
    name: 'a liveness failure of a sidecar',
    spec: { initContainers: [{ ...init('s'), restartPolicy: 'Always' }], restartPolicy: 'Never' },
    containers: [{ name: 's' }, { name: 'app' }],
    failed: { 's-0': 'LivenessProbe' },
    want: { stop: ['Init container s failed liveness probe'] },
  },
  {
    name: 'init containers whose records are gone, and one that runs after them',
    spec: { initContainers: [init('i1'), { ...init('s'), restartPolicy: 'Always' }, init('i2')] },
    containers: [{ name: 'i2' }],
    want: { start: ['s'] },
  },
  ...(['Never', 'OnFailure'] as const).map((restartPolicy) => ({
    name: `${restartPolicy} restarts what was stopped for another image`,
    spec: { restartPolicy },
    containers: [{ name: 'app', exitCode: 0 }],
    replaced: 'app',
    want: { start: ['app'] },
  })),
  {
    name: 'another image',
    containers: [{ name: 'app', annotations: { 'io.kubernetes.container.hash': 'old' } }],
    want: { stop: ['Container app definition changed, will be restarted'] },
  },
  {
    name: 'one of which nobody knows whether it runs is killed first',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', state: 'CONTAINER_UNKNOWN' }],
    want: { stop: ['Container is in "unknown" state, try killing it before restart'] },
  },
  {
    name: 'it is killed once',
    containers: [{ name: 'app', state: 'CONTAINER_UNKNOWN' }],
    replaced: 'app',
    want: { start: ['app'] },
  },
  {
    name: 'so is an init container',
    spec: { initContainers: [init('i1')] },
    containers: [{ name: 'i1', state: 'CONTAINER_UNKNOWN' }],
    want: { stop: ['Init container is in "unknown" state, try killing it before restart'] },
  },
  {
    name: 'an init container that is lost has failed where none is started again',
    spec: { initContainers: [init('i1')], restartPolicy: 'Never' },
    containers: [{ name: 'i1', state: 'CONTAINER_UNKNOWN' }],
    want: { complete: true },
  },
];

describe('planPod', () => {
  for (const c of cases) {
    test(c.name, () => {
      const holding = (sandbox: PodSandboxStatus, containers: ContainerInit[] = []) => ({
        sandbox,
        containers: containers.map(runtimeContainer),
      });
      const earlier = c.earlier ? [holding(runtimeSandbox({ ready: false }), c.earlier)] : [];
      const newest = runtimeSandbox({ ready: c.sandbox !== 'ended', attempt: earlier.length });
      const all = [...earlier, holding(newest, c.containers)];
      const replaced = new Set(c.replaced ? [`${c.replaced}-0`] : []);
      const plan = planPod({
        pod: podOf(c.spec ?? {}),
        state: c.sandbox === 'none' ? emptyRuntimeState : joinSandboxes(all, replaced),
        hasStarted: (container) => !c.unstarted?.includes(container.id),
        failedProbe: (id) => c.failed?.[id],
      });
      assert.deepEqual(
        { ...plan, stop: plan.stop.map((s) => s.message) },
        { start: [], stop: [], createSandbox: false, restartAll: false, complete: false, ...c.want },
      );
    });
  }
});

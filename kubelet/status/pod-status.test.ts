import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import { type ContainerInit, runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import { emptyRuntimeState, joinSandboxes } from '../pods/runtime-state.ts';
import type { StartProblem } from './container-statuses.ts';
import { computePodStatus, type PodStatusInput } from './pod-status.ts';

const nowMs = Date.parse('2026-01-01T01:00:00Z');

const nothing: PodStatusInput = {
  state: emptyRuntimeState,
  known: {},
  nodeIp: '10.0.0.1',
  nowMs,
  startTime: '2026-01-01T00:00:00Z',
  runtimeName: 'k8ts',
  problemOf: () => undefined,
  terminationMessageOf: () => '',
  hasStarted: () => true,
  isReady: () => true,
  startingId: undefined,
  isEnding: false,
  isEnded: false,
};

interface Case {
  name: string;
  spec?: Partial<Pod['spec']>;
  containers?: ContainerInit[];
  sandbox?: 'none' | 'ended';
  problems?: Record<string, StartProblem>;
  known?: PodStatus;
  unready?: string[];
  /** The id of the container that is just being started. */
  starting?: string;
  /** The id of the container that was stopped because its spec changed. */
  replaced?: string;
  isEnding?: boolean;
  isEnded?: boolean;
  /** Phase, then the conditions that are not True with their reasons, then the containers. */
  want: string[];
}

const cases: Case[] = [
  {
    name: 'before the sandbox',
    sandbox: 'none',
    want: [
      'Pending',
      '!PodReadyToStartContainers',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=waiting:ContainerCreating',
    ],
  },
  {
    name: 'the sandbox stands',
    want: [
      'Pending',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=waiting:ContainerCreating',
    ],
  },
  { name: 'running', containers: [{ name: 'app' }], want: ['Running', 'app=running ready'] },
  {
    name: 'running, not ready',
    containers: [{ name: 'app' }],
    unready: ['app-0'],
    want: ['Running', '!Ready:ContainersNotReady', '!ContainersReady:ContainersNotReady', 'app=running'],
  },
  {
    name: 'waiting for its restart',
    containers: [{ name: 'app', exitCode: 1 }],
    problems: { app: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
    want: [
      'Running',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=waiting:CrashLoopBackOff last:1',
    ],
  },
  {
    name: 'stopped for another image, and to be started again whatever the policy',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', exitCode: 137 }],
    replaced: 'app-0',
    known: { phase: 'Running' },
    want: [
      'Running',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=waiting:ContainerCreating last:137',
    ],
  },
  {
    name: 'restarted',
    containers: [
      { name: 'app', exitCode: 1 },
      { name: 'app', attempt: 1 },
    ],
    want: ['Running', 'app=running ready r1 last:1'],
  },
  {
    name: 'a start that has not failed yet shows no end',
    containers: [{ name: 'app', exitCode: 128, reason: 'StartError' }],
    starting: 'app-0',
    want: [
      'Pending',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=waiting:ContainerCreating',
    ],
  },
  {
    name: 'an image that cannot be pulled',
    problems: { app: { reason: 'ErrImagePull', message: 'no' } },
    want: ['Pending', '!Ready:ContainersNotReady', '!ContainersReady:ContainersNotReady', 'app=waiting:ErrImagePull'],
  },
  {
    name: 'ended, but the sandbox still stands: the final phase waits',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', exitCode: 0 }],
    known: { phase: 'Running' },
    isEnding: true,
    want: ['Running', '!Ready:ContainersNotReady', '!ContainersReady:ContainersNotReady', 'app=terminated:Completed/0'],
  },
  {
    name: 'completed',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', exitCode: 0 }],
    sandbox: 'ended',
    isEnding: true,
    isEnded: true,
    want: [
      'Succeeded',
      '!PodReadyToStartContainers',
      'Initialized:PodCompleted',
      '!Ready:PodCompleted',
      '!ContainersReady:PodCompleted',
      'app=terminated:Completed/0',
    ],
  },
  {
    name: 'deleted, killed: Always does not keep it running',
    containers: [{ name: 'app', exitCode: 137 }],
    sandbox: 'ended',
    isEnding: true,
    isEnded: true,
    want: [
      'Failed',
      '!PodReadyToStartContainers',
      '!Ready:PodFailed',
      '!ContainersReady:PodFailed',
      'app=terminated:Error/137',
    ],
  },
  {
    name: 'deleted before its container ever started',
    sandbox: 'none',
    problems: { app: { reason: 'ImagePullBackOff', message: 'no' } },
    known: { phase: 'Pending' },
    isEnding: true,
    isEnded: true,
    want: [
      'Failed',
      '!PodReadyToStartContainers',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=terminated:ContainerStatusUnknown/137',
    ],
  },
  {
    name: 'deleted with a container that was made and never started',
    spec: { restartPolicy: 'Never' },
    containers: [{ name: 'app', state: 'CONTAINER_CREATED' }],
    sandbox: 'ended',
    isEnding: true,
    isEnded: true,
    want: [
      'Failed',
      '!PodReadyToStartContainers',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'app=terminated:ContainerStatusUnknown/137',
    ],
  },
  {
    name: 'deleted while its first init container waits: those after it never had their turn',
    spec: { initContainers: [{ name: 'i1' }, { name: 'i2' }] },
    sandbox: 'none',
    isEnding: true,
    isEnded: true,
    want: [
      'Failed',
      '!PodReadyToStartContainers',
      '!Initialized:ContainersNotInitialized',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'i1=terminated:ContainerStatusUnknown/137',
      'i2=waiting:PodInitializing',
      'app=waiting:PodInitializing',
    ],
  },
  {
    name: 'deleted between its init container and the container proper',
    spec: { initContainers: [{ name: 'i1' }] },
    containers: [{ name: 'i1', exitCode: 0 }],
    sandbox: 'ended',
    isEnding: true,
    isEnded: true,
    want: [
      'Failed',
      '!PodReadyToStartContainers',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'i1=terminated:Completed/0 ready',
      'app=terminated:ContainerStatusUnknown/137',
    ],
  },
  {
    name: 'in the init phase',
    spec: { initContainers: [{ name: 'i1', image: 'app:1' }] },
    containers: [{ name: 'i1' }],
    want: [
      'Pending',
      '!Initialized:ContainersNotInitialized',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      'i1=running',
      'app=waiting:PodInitializing',
    ],
  },
  {
    name: 'a readiness gate nobody has opened',
    spec: { readinessGates: [{ conditionType: 'example.com/g' }] },
    containers: [{ name: 'app' }],
    want: ['Running', '!Ready:ReadinessGatesNotReady', 'app=running ready'],
  },
  {
    name: 'a crashed sidecar',
    spec: { initContainers: [{ name: 's', image: 'app:1', restartPolicy: 'Always' }] },
    containers: [{ name: 's', exitCode: 1 }, { name: 'app' }],
    want: [
      'Running',
      '!Ready:ContainersNotReady',
      '!ContainersReady:ContainersNotReady',
      's=terminated:Error/1',
      'app=running ready',
    ],
  },
  {
    name: 'ephemeral containers by name, the last one added first',
    spec: { ephemeralContainers: [{ name: 'f' }, { name: 'e' }] },
    containers: [{ name: 'app' }, { name: 'e' }, { name: 'f', exitCode: 0 }],
    want: ['Running', 'app=running ready', 'e=running', 'f=terminated:Completed/0'],
  },
];

function summarize(status: PodStatus): string[] {
  const conditions = (status.conditions ?? [])
    .filter((c) => c.status !== 'True' || c.reason)
    .map((c) => `${c.status === 'True' ? '' : '!'}${c.type}${c.reason ? `:${c.reason}` : ''}`);
  const main = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const all = [...main, ...(status.ephemeralContainerStatuses ?? [])];
  const containers = all.map((c) => {
    const [kind = '', detail] = Object.entries(c.state ?? {})[0] ?? [];
    const { reason, exitCode } = detail as { reason?: string; exitCode?: number };
    const last = c.lastState?.terminated ? ` last:${c.lastState.terminated.exitCode}` : '';
    const restarts = c.restartCount ? ` r${c.restartCount}` : '';
    return `${c.name}=${kind}${reason ? `:${reason}` : ''}${exitCode === undefined ? '' : `/${exitCode}`}${c.ready ? ' ready' : ''}${restarts}${last}`;
  });
  return [status.phase ?? '', ...conditions, ...containers];
}

test('what the runtime has no record of is what was said last, or what became of it', () => {
  const ended = { terminated: { exitCode: 1, reason: 'Error' } };
  const containerStatuses = [
    { name: 'done', state: ended, restartCount: 2, containerID: 'k8ts://1' },
    { name: 'lost', state: { running: {} }, restartCount: 3, containerID: 'k8ts://2' },
    { name: 'again', state: { running: {} }, lastState: ended, restartCount: 4 },
    { name: 'waiting', state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended, restartCount: 5 },
  ];
  const containers = [...containerStatuses, { name: 'new' }, { name: 'here' }].map(({ name }) => ({ name }));
  const pod: Pod = { metadata: { name: 'p' }, spec: { containers, initContainers: [{ name: 'i' }] }, status: {} };
  const of = (target: Pod, problem?: StartProblem) =>
    computePodStatus(target, {
      ...nothing,
      state: joinSandboxes([{ sandbox: runtimeSandbox(), containers: [runtimeContainer({ name: 'here' })] }]),
      known: { containerStatuses } as PodStatus,
      problemOf: () => problem,
    });
  const show = ({ name, state, lastState, restartCount }: ContainerStatus) => {
    const last = lastState?.terminated;
    return `${name} ${state?.waiting?.reason ?? state?.terminated?.reason} r${restartCount} ${last ? `${last.reason}/${last.exitCode}` : '-'}`;
  };
  const { containerStatuses: found = [], initContainerStatuses = [] } = of(pod);
  assert.deepEqual(found.map(show), [
    'again PodInitializing r5 Error/1',
    'done Error r2 -',
    'here undefined r0 -',
    'lost PodInitializing r4 ContainerStatusUnknown/137',
    'new PodInitializing r0 -',
    'waiting PodInitializing r5 Error/1',
  ]);
  // As the runtime names the image.
  assert.equal(found[2]?.image, 'x/app:1');
  // Its turn is over: the others have begun.
  assert.deepEqual(initContainerStatuses.map(show), ['i Completed r0 -']);
  assert.equal(initContainerStatuses[0]?.ready, true);
  const problem = { reason: 'CreateContainerError', message: '' };
  assert.equal(show(of(pod, problem).containerStatuses![1]!), 'done CreateContainerError r2 Error/1');
  const deleted = { ...pod, metadata: { name: 'p', deletionTimestamp: '2026-01-01T00:00:00Z' } };
  assert.equal(show(of(deleted).containerStatuses![3]!), 'lost PodInitializing r3 ContainerStatusUnknown/137');
});

test('after an exit code that all begin anew for', () => {
  const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In' as const, values: [42] } }];
  const spec = {
    restartPolicy: 'Never' as const,
    initContainers: [{ name: 'i' }],
    containers: [{ name: 'app' }, { name: 'cause', restartPolicyRules: rules }],
  };
  const pod: Pod = { metadata: { name: 'p', generation: 1 }, spec, status: {} };
  const of = (known: PodStatus, ...containers: ContainerInit[]) =>
    computePodStatus(pod, {
      ...nothing,
      known,
      state: joinSandboxes([{ sandbox: runtimeSandbox(), containers: containers.map(runtimeContainer) }]),
    });
  const show = ({ phase, conditions = [], initContainerStatuses = [], containerStatuses = [] }: PodStatus) => {
    const restarting = conditions.find(({ type }) => type === 'AllContainersRestarting');
    const all = [...initContainerStatuses, ...containerStatuses].map(({ name, state, lastState, restartCount }) =>
      [name, Object.keys(state!)[0], state?.waiting?.reason, lastState?.terminated?.reason, restartCount].join(' '),
    );
    return [phase, [restarting?.status, restarting?.reason].join(' '), ...all];
  };
  const init = { name: 'i', exitCode: 0 };
  const before = of({}, init, { name: 'app' }, { name: 'cause' });
  assert.deepEqual(show(before), ['Running', 'False ', 'i terminated   0', 'app running   0', 'cause running   0']);
  const during = of(before, init, { name: 'app' }, { name: 'cause', exitCode: 42 });
  const started = 'True RestartAllContainersStarted';
  assert.deepEqual(show(during), ['Running', started, 'i terminated   0', 'app running   0', 'cause terminated   0']);
  const away = of(during);
  const gone = 'RestartingAllContainers RestartingAllContainers';
  assert.deepEqual(show(away), [
    'Running',
    'False ',
    ...['i', 'app', 'cause'].map((name) => `${name} waiting ${gone} 1`),
  ]);
  const attempt = { attempt: 1, annotations: { 'io.kubernetes.container.restartCount': '1' } };
  const anew = of(of(away), { ...init, ...attempt }, { name: 'app', ...attempt });
  assert.deepEqual(show(anew), [
    'Running',
    'False ',
    'i terminated  RestartingAllContainers 1',
    'app running  RestartingAllContainers 1',
    'cause waiting PodInitializing RestartingAllContainers 1',
  ]);
});

test('what disrupts a pod is told once nothing of it runs, in the place of what was told before', () => {
  const pod: Pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] }, status: {} };
  const evicted = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' };
  const reasonOf = (isEnded: boolean) =>
    computePodStatus(pod, {
      ...nothing,
      known: { phase: 'Running', conditions: [evicted] } as PodStatus,
      state: joinSandboxes([{ sandbox: runtimeSandbox(), containers: [runtimeContainer({ name: 'c' })] }]),
      disruption: 'the node was low on memory',
      isEnding: true,
      isEnded,
    }).conditions?.flatMap(({ type, reason }) => (type === evicted.type ? reason : []));
  assert.deepEqual([reasonOf(false), reasonOf(true)], [[evicted.reason], ['TerminationByKubelet']]);
});

test('messages of containers share what there is room for', () => {
  const containers = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
  const pod: Pod = { metadata: { name: 'p' }, spec: { containers }, status: {} };
  const ended = containers.map((c) => ({ ...runtimeContainer({ ...c, exitCode: 1 }), message: 'cut off' }));
  const { containerStatuses = [] } = computePodStatus(pod, {
    ...nothing,
    state: joinSandboxes([{ sandbox: runtimeSandbox(), containers: ended }]),
    terminationMessageOf: () => 'x'.repeat(4096),
  });
  const want = `cut off: ${'x'.repeat(3072 - 9)}`;
  assert.deepEqual(
    containerStatuses.map((s) => s.state?.terminated?.message),
    [want, want, want, want],
  );
  const { containerStatuses: waiting = [] } = computePodStatus(pod, {
    ...nothing,
    state: joinSandboxes([{ sandbox: runtimeSandbox(), containers: [] }]),
    problemOf: () => ({ reason: 'CreateContainerError', message: 'x'.repeat(1 << 20) }),
  });
  assert.deepEqual(
    waiting.map((s) => s.state?.waiting?.message?.length),
    Array(4).fill(1 << 16),
  );
});

describe('computePodStatus', () => {
  for (const c of cases) {
    test(c.name, () => {
      const pod: Pod = {
        metadata: { name: 'p', namespace: 'ns', uid: 'u', generation: 1 },
        spec: { containers: [{ name: 'app', image: 'app:1' }], restartPolicy: 'Always', ...c.spec },
        status: {},
      };
      const sandbox = runtimeSandbox({ ready: c.sandbox !== 'ended' });
      const containers = (c.containers ?? []).map(runtimeContainer);
      const status = computePodStatus(pod, {
        ...nothing,
        state: joinSandboxes(c.sandbox === 'none' ? [] : [{ sandbox, containers }], new Set([c.replaced ?? ''])),
        known: c.known ?? {},
        problemOf: (name) => c.problems?.[name],
        isReady: (container) => !c.unready?.includes(container.id),
        startingId: c.starting,
        isEnding: c.isEnding ?? false,
        isEnded: c.isEnded ?? false,
      });
      assert.deepEqual(summarize(status), c.want);
    });
  }
});

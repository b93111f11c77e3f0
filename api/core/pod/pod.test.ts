// Pods: defaults, validation, columns, grace, quality of service - one table each.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../../machinery/decode.ts';
import { cloneJson, deepFreeze } from '../../../machinery/json.ts';
import { type Pod, PodKind } from '../pod.ts';
import { summarizePod } from './columns.ts';
import { setPodDefaults } from './defaults.ts';
import { tagOfImage } from './image-name.ts';
import { qosClassOf } from './qos.ts';
import { podLimits, podRequests } from './resource-totals.ts';

/** A decoded and defaulted pod with one container, on which `spec` and `container` are laid. */
function makePod(spec: object = {}, container: object = {}, rest: object = {}): Pod {
  const containers = [{ name: 'c', image: 'nginx:1', ...container }];
  const body = { metadata: { name: 'p', namespace: 'ns' }, spec: { containers, ...spec }, ...rest };
  const pod = decodeValue(PodKind.storage.schema, body).value as Pod;
  setPodDefaults(pod);
  return pod;
}

const errorsOf = (pod: Pod) => PodKind.validate!(deepFreeze(pod)).map((e) => `${e.field}: ${e.detail}`);

describe('defaults', () => {
  test('the pull policy follows the tag', () => {
    const table: [string, string][] = [
      ['nginx', 'latest'],
      ['nginx:latest', 'latest'],
      ['nginx:1.2', '1.2'],
      ['localhost:5000/a/b', 'latest'],
      ['localhost:5000/a/b:v1', 'v1'],
      ['a/b@sha256:00', ''],
      ['a/b:v1@sha256:00', 'v1'],
      ['Upper/case', 'latest'],
      ['x/Upper', ''],
      ['', ''],
      ['a b', ''],
    ];
    for (const [image, tag] of table) assert.equal(tagOfImage(image), tag, image);
  });

  test('limits become requests, host ports follow container ports, empty volumes are emptyDirs', () => {
    const pod = makePod(
      { hostNetwork: true, volumes: [{ name: 'v' }], serviceAccount: 'sa' },
      { ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } },
    );
    const [container] = pod.spec.containers;
    assert.deepEqual(container?.resources?.requests, { cpu: '500m', memory: '1Gi' });
    assert.deepEqual(container?.ports, [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }]);
    assert.deepEqual(pod.spec.volumes, [{ name: 'v', emptyDir: {} }]);
    assert.equal(pod.spec.serviceAccountName, 'sa');
    assert.deepEqual(errorsOf(pod), []);
  });

  test('pod-level requests follow the containers, then the pod-level limits', () => {
    const pod = makePod(
      { resources: { limits: { cpu: '2', memory: '1Gi' } } },
      { resources: { requests: { cpu: '250m' } } },
    );
    assert.deepEqual(pod.spec.resources?.requests, { cpu: '250m', memory: '1Gi' });
  });
});

describe('totals', () => {
  test('init containers count where they need more, sidecars beside everything after them', () => {
    const container = (name: string, cpu: string, restartPolicy?: string) => ({
      name,
      image: 'x:1',
      resources: { requests: { cpu } },
      ...(restartPolicy && { restartPolicy }),
    });
    const { spec } = makePod(
      {
        initContainers: [container('a', '3'), container('s', '1', 'Always'), container('b', '2500m')],
        overhead: { cpu: '100m' },
      },
      { resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } },
    );
    assert.deepEqual(podRequests(spec), { cpu: '3600m' });
    assert.deepEqual(podLimits(spec), { cpu: '2100m' });
  });

  test('qosClassOf needs equal requests and limits of cpu and memory everywhere', () => {
    const both = { cpu: '1', memory: '1Gi' };
    const table: [object, string][] = [
      [{}, 'BestEffort'],
      [{ requests: { cpu: '0' } }, 'BestEffort'],
      [{ requests: { cpu: '1' } }, 'Burstable'],
      [{ limits: both }, 'Guaranteed'],
      [{ limits: both, requests: { cpu: '500m' } }, 'Burstable'],
      [{ limits: { memory: '1Gi' } }, 'Burstable'],
    ];
    for (const [resources, want] of table) {
      assert.equal(qosClassOf(makePod({}, { resources }).spec), want, JSON.stringify(resources));
    }
  });
});

describe('validation', () => {
  const refused: [string, object, object, string[]][] = [
    ['nothing wrong', {}, {}, []],
    [
      'port name',
      {},
      { ports: [{ containerPort: 1, name: 'Http' }] },
      [
        'spec.containers[0].ports[0].name: Invalid value: "Http": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ],
    [
      'request above limit',
      {},
      { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } },
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'unknown resource',
      {},
      { resources: { requests: { gpu: '1' } } },
      [
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      'fraction of a device',
      {},
      { resources: { limits: { 'x.io/gpu': '500m' } } },
      [
        'spec.containers[0].resources.limits[x.io/gpu]: Invalid value: "500m": must be an integer',
        'spec.containers[0].resources.requests[x.io/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      'env without source',
      {},
      { env: [{ name: 'A', valueFrom: {} }] },
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `fileKeyRef` or `secretKeyRef`',
      ],
    ],
    [
      'env from labels',
      {},
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] },
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ],
    ],
    [
      'liveness threshold',
      {},
      { livenessProbe: { exec: { command: ['a'] }, successThreshold: 2 } },
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'probe without handler',
      {},
      { readinessProbe: {} },
      ['spec.containers[0].readinessProbe: Required value: must specify a handler type'],
    ],
    [
      'two containers of a name',
      {
        containers: [
          { name: 'c', image: 'x' },
          { name: 'c', image: 'x' },
        ],
      },
      {},
      ['spec.containers[1].name: Duplicate value: "c"'],
    ],
    [
      'init probe',
      { initContainers: [{ name: 'i', image: 'x', livenessProbe: { exec: { command: ['a'] } } }] },
      {},
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'volume twice',
      { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
      {},
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'host path steps back',
      { volumes: [{ name: 'v', hostPath: { path: '/x/../y' } }] },
      {},
      ['spec.volumes[0].hostPath.path: Invalid value: "/x/../y": must not contain \'..\''],
    ],
    [
      'nfs without server',
      { volumes: [{ name: 'v', nfs: { path: 'x' } }] },
      {},
      [
        'spec.volumes[0].nfs.server: Required value',
        'spec.volumes[0].nfs.path: Invalid value: "x": must be an absolute path',
      ],
    ],
    [
      'privilege',
      {},
      { securityContext: { allowPrivilegeEscalation: false, privileged: true } },
      [
        'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      'seccomp',
      { securityContext: { seccompProfile: { type: 'Localhost' } } },
      {},
      [
        'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
      ],
    ],
    [
      'spread',
      { topologySpreadConstraints: [{ maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'DoNotSchedule' }] },
      {},
      [
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
      ],
    ],
    [
      'toleration seconds',
      { tolerations: [{ key: 'a', effect: 'NoSchedule', tolerationSeconds: 1 }] },
      {},
      [
        'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
      ],
    ],
    [
      'host alias',
      { hostAliases: [{ ip: '1.2.3', hostnames: ['a'] }] },
      {},
      ['spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      'deadline',
      { activeDeadlineSeconds: 0 },
      {},
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
  ];
  for (const [name, spec, container, want] of refused) {
    test(name, () => assert.deepEqual(errorsOf(makePod(spec, container)), want));
  }

  test('only images, deadlines and more tolerations may change', () => {
    const old = deepFreeze(makePod({ tolerations: [{ key: 'a', operator: 'Exists' }] }));
    const change = (edit: (pod: Pod) => void) => {
      const next = cloneJson(old);
      edit(next);
      return PodKind.validateUpdate!(next, old).map((e) => `${e.field}: ${e.detail.split('\n')[0]}`);
    };
    assert.deepEqual(
      change((pod) => Object.assign(pod.spec.containers[0]!, { image: 'other' })),
      [],
    );
    assert.deepEqual(
      change((pod) => pod.spec.tolerations!.push({ key: 'b', operator: 'Exists' })),
      [],
    );
    assert.deepEqual(
      change((pod) => Object.assign(pod.spec, { activeDeadlineSeconds: 9 })),
      [],
    );
    assert.deepEqual(
      change((pod) => pod.spec.containers.pop()),
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    );
    assert.match(
      change((pod) => Object.assign(pod.spec, { hostname: 'h' })).join(),
      /^spec: Forbidden: pod updates may not/,
    );
    assert.deepEqual(
      change((pod) => pod.spec.tolerations!.pop()),
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
    );
  });
});

test('a status keeps the class, shows addresses in both forms, and does not revive the dead', () => {
  const ended = { name: 'c', state: { terminated: { exitCode: 0 } } };
  const old = deepFreeze(
    makePod({ restartPolicy: 'Never' }, {}, { status: { qosClass: 'BestEffort', containerStatuses: [ended] } }),
  );
  const next = cloneJson(old);
  next.status = { podIP: '10.0.0.1', containerStatuses: [{ ...old.status!.containerStatuses![0]!, state: {} }] };
  PodKind.prepareForStatusUpdate!(next, old, { nowMs: 0 });
  assert.deepEqual([next.status.podIPs, next.status.qosClass], [[{ ip: '10.0.0.1' }], 'BestEffort']);
  assert.deepEqual(
    PodKind.validateStatusUpdate!(next, old).map((e) => `${e.field}: ${e.detail}`),
    ['status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state'],
  );
});

describe('status column', () => {
  const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
  const status = (state: object, more: object = {}) => ({ name: 'c', state, ready: false, restartCount: 0, ...more });
  const init = {
    initContainers: [
      { name: 'a', image: 'x' },
      { name: 'b', image: 'x' },
    ],
  };
  const table: [string, object, object, string][] = [
    ['just made', {}, { phase: 'Pending' }, 'Pending 0/1 0'],
    [
      'gated',
      {},
      { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      'SchedulingGated 0/1 0',
    ],
    [
      'creating',
      {},
      { phase: 'Pending', containerStatuses: [status({ waiting: { reason: 'ContainerCreating' } })] },
      'ContainerCreating 0/1 0',
    ],
    ['running', {}, { phase: 'Running', containerStatuses: [status(running, { ready: true })] }, 'Running 1/1 0'],
    [
      'crashing',
      {},
      {
        phase: 'Running',
        containerStatuses: [status({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 3 })],
      },
      'CrashLoopBackOff 0/1 3',
    ],
    [
      'done',
      {},
      { phase: 'Succeeded', containerStatuses: [status({ terminated: { exitCode: 0, reason: 'Completed' } })] },
      'Completed 0/1 0',
    ],
    [
      'by exit code',
      {},
      { phase: 'Failed', containerStatuses: [status({ terminated: { exitCode: 3 } })] },
      'ExitCode:3 0/1 0',
    ],
    [
      'by signal',
      {},
      { phase: 'Failed', containerStatuses: [status({ terminated: { exitCode: 137, signal: 9 } })] },
      'Signal:9 0/1 0',
    ],
    [
      'init',
      init,
      {
        phase: 'Pending',
        initContainerStatuses: [status({ terminated: { exitCode: 0 } }, { name: 'a' }), status(running, { name: 'b' })],
      },
      'Init:1/2 0/1 0',
    ],
    [
      'init fails',
      init,
      {
        phase: 'Pending',
        initContainerStatuses: [
          status({ terminated: { exitCode: 1, reason: 'Error' } }, { name: 'a', restartCount: 2 }),
        ],
      },
      'Init:Error 0/1 2',
    ],
    ['evicted', {}, { phase: 'Failed', reason: 'Evicted' }, 'Evicted 0/1 0'],
  ];
  for (const [name, spec, podStatus, want] of table) {
    test(name, () => {
      const {
        status: word,
        ready,
        total,
        restarts,
      } = summarizePod(deepFreeze(makePod(spec, {}, { status: podStatus })));
      assert.equal(`${word} ${ready}/${total} ${restarts}`, want);
    });
  }

  test('restarts tell how long ago, deletion says Terminating', () => {
    const lastState = { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:00:00Z' } };
    const pod = makePod(
      {},
      {},
      {
        status: { phase: 'Running', containerStatuses: [status(running, { ready: true, restartCount: 3, lastState })] },
      },
    );
    pod.metadata.deletionTimestamp = '2026-01-01T00:01:00Z';
    const cells = PodKind.columns!.map((c) => c.cell(pod, { nowMs: Date.parse('2026-01-01T00:02:00Z') }));
    assert.deepEqual(cells.slice(0, 3), ['1/1', 'Terminating', '3 (2m ago)']);
  });
});

test("gracePeriodSeconds: nothing to wait for, or the pod's own period", () => {
  const on = (spec: object, phase = 'Running') => makePod({ nodeName: 'n', ...spec }, {}, { status: { phase } });
  const grace = PodKind.gracePeriodSeconds!;
  assert.equal(grace(makePod(), undefined), 0);
  assert.equal(grace(on({}), undefined), 30);
  assert.equal(grace(on({}), 5), 5);
  assert.equal(grace(on({}), -1), 1);
  assert.equal(grace(on({}, 'Succeeded'), 5), 0);
});

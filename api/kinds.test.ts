// The rules of the kinds other than Pod, a table each: what is refused, what may not change, what the server fills in.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../machinery/decode.ts';
import { cloneJson, deepFreeze } from '../machinery/json.ts';
import type { Kind } from '../machinery/kind.ts';
import { assertLines } from '../test/builders/kind-rules.ts';
import { DaemonSetKind } from './apps/daemonset.ts';
import { DeploymentKind } from './apps/deployment.ts';
import { ReplicaSetKind } from './apps/replicaset.ts';
import { JobKind } from './batch/job.ts';
import { LeaseKind } from './coordination/lease.ts';
import { BindingKind } from './core/binding.ts';
import { ConfigMapKind } from './core/configmap.ts';
import { EndpointsKind } from './core/endpoints.ts';
import { EventKind } from './core/event.ts';
import { NamespaceKind } from './core/namespace.ts';
import { NodeKind } from './core/node.ts';
import { SecretKind } from './core/secret.ts';
import { ServiceKind } from './core/service.ts';
import { EndpointSliceKind } from './discovery/endpointslice.ts';
import { kinds } from './index.ts';
import { validateObjectMeta } from './meta/validation.ts';
import { ClusterRoleKind } from './rbac/clusterrole.ts';
import { ClusterRoleBindingKind } from './rbac/clusterrolebinding.ts';
import { RoleKind } from './rbac/role.ts';
import { PriorityClassKind } from './scheduling/priorityclass.ts';

const nowMs = Date.parse('2026-01-01T00:10:00Z');
const uid = '00000000-0000-4000-8000-000000000000';

/** A new object as it would be kept. */
function make(kind: Kind, body: object): any {
  const given = { metadata: { name: 'x' }, ...body };
  const draft = decodeValue(kind.storage.schema, given).value;
  kind.storage.setDefaults?.(draft);
  draft.metadata.uid = uid;
  kind.prepareForCreate?.(draft, { nowMs });
  return draft;
}

const shown = (errors: readonly { field: string; detail: string }[] | undefined) =>
  (errors ?? []).map((e) => `${e.field}: ${e.detail}`);
const refusals = (kind: Kind, body: object) => shown(kind.validate!(deepFreeze(make(kind, body))));

const template = {
  metadata: { labels: { a: 'b' } },
  spec: { containers: [{ name: 'c', image: 'nginx:1' }] },
};
const selector = { matchLabels: { a: 'b' } };
const port = { port: 80, protocol: 'TCP' };

describe('refused', () => {
  const table: [Kind, string, object, (string | RegExp)[]][] = [
    [DeploymentKind, 'fine', { spec: { selector, template } }, []],
    [
      DeploymentKind,
      'above 100%',
      { spec: { selector, template, strategy: { rollingUpdate: { maxUnavailable: '101%' } } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      DeploymentKind,
      'unknown strategy',
      { spec: { selector, template, strategy: { type: 'X' } } },
      [
        'spec.strategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
      ],
    ],
    [
      ReplicaSetKind,
      'bad operator',
      { spec: { selector: { matchExpressions: [{ key: 'a', operator: 'X' }] }, template } },
      [
        'spec.selector.matchExpressions[0].operator: Invalid value: "X": not a valid selector operator',
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"X"}]}: invalid label selector',
      ],
    ],
    [
      DaemonSetKind,
      'nothing may be missing, written otherwise',
      { spec: { selector, template, updateStrategy: { rollingUpdate: { maxUnavailable: '00%' } } } },
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    ],
    [
      DaemonSetKind,
      'surge and unavailable',
      { spec: { selector, template, updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } } },
      ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
    ],
    [
      JobKind,
      'indexed without completions',
      {
        spec: {
          parallelism: 1,
          completionMode: 'Indexed',
          template: { spec: { ...template.spec, restartPolicy: 'Never' } },
        },
      },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      JobKind,
      'failure policy',
      {
        spec: {
          podFailurePolicy: { rules: [{ action: 'Count' }] },
          template: { spec: { ...template.spec, restartPolicy: 'OnFailure' } },
        },
      },
      [
        'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
        'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
    [
      ServiceKind,
      'node port on a cluster IP',
      { spec: { ports: [{ ...port, nodePort: 30001 }] } },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      ServiceKind,
      'headless node port',
      { spec: { type: 'NodePort', clusterIP: 'None', ports: [port] } },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
    ],
    [
      ServiceKind,
      'affinity',
      { spec: { sessionAffinity: 'X', ports: [port] } },
      ['spec.sessionAffinity: Unsupported value: "X": supported values: "ClientIP", "None"'],
    ],
    [
      ServiceKind,
      'local without node ports',
      { spec: { externalTrafficPolicy: 'Local', ports: [port] } },
      ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
    ],
    [
      ServiceKind,
      'loopback',
      { spec: { externalIPs: ['127.0.0.1'], ports: [port] } },
      ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ],
    [
      EndpointsKind,
      'nothing in it',
      { subsets: [{ ports: [{ port: 1 }] }] },
      ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
    ],
    [
      EndpointSliceKind,
      'other family',
      { addressType: 'IPv6', endpoints: [{ addresses: ['10.0.0.1'] }] },
      ['endpoints[0].addresses[0]: Invalid value: "10.0.0.1": must be an IPv6 address'],
    ],
    [
      EndpointSliceKind,
      'no addresses',
      { addressType: 'IPv4', endpoints: [{}] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      EndpointSliceKind,
      'hints',
      {
        addressType: 'FQDN',
        endpoints: [
          { addresses: ['a.b.'], hints: { forZones: [{ name: 'z' }, { name: 'z' }], forNodes: [{ name: 'N' }] } },
          { addresses: ['a'], hints: { forNodes: Array.from({ length: 9 }, (_, i) => ({ name: `n${i}` })) } },
        ],
        ports: [{ appProtocol: '' }],
      },
      [
        'endpoints[0].hints.forZones[1].name: Duplicate value: "z"',
        /^endpoints\[0\]\.hints\.forNodes\[0\]\.name: Invalid value: "N": a lowercase RFC 1123 subdomain/,
        'endpoints[1].addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots',
        'endpoints[1].hints.forNodes: Too many: 9: must have at most 8 items',
        'ports[0].appProtocol: Invalid value: "": name part must be non-empty',
        /^ports\[0\]\.appProtocol: Invalid value: "": name part must consist of/,
      ],
    ],
    [
      SecretKind,
      'no account',
      { type: 'kubernetes.io/service-account-token' },
      ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    ],
    [SecretKind, 'either is enough', { type: 'kubernetes.io/basic-auth', stringData: { username: 'u' } }, []],
    [ConfigMapKind, 'dots', { data: { '..': 'x' } }, ['data[..]: Invalid value: "..": must not be \'..\'']],
    [
      NodeKind,
      'taint',
      { spec: { taints: [{ key: 'a', effect: 'X' }] } },
      [
        'metadata.taints[0].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      LeaseKind,
      'duration',
      { spec: { leaseDurationSeconds: 0 } },
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      RoleKind,
      'url in a role',
      { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
      ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
    ],
    [
      ClusterRoleKind,
      'nothing named',
      { rules: [{ verbs: [] }] },
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [
      ClusterRoleBindingKind,
      'a role, and an account without namespace',
      {
        roleRef: { kind: 'Role', name: 'r' },
        subjects: [{ kind: 'ServiceAccount', name: 's' }],
      },
      [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        'subjects[0].namespace: Required value',
      ],
    ],
    [
      PriorityClassKind,
      'too high',
      { value: 1_000_000_001 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    [PriorityClassKind, "the system's own", { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 }, []],
    [
      BindingKind,
      'no target',
      { target: { kind: 'Pod' } },
      ['target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"', 'target.name: Required value'],
    ],
    [
      EventKind,
      'other namespace',
      { metadata: { name: 'e', namespace: 'a' }, involvedObject: { namespace: 'b' } },
      ['involvedObject.namespace: Invalid value: "b": does not match event.namespace'],
    ],
  ];
  for (const [kind, name, body, want] of table) {
    test(`${kind.kind}: ${name}`, () => assertLines(refusals(kind, body), want));
  }
});

describe('may not change', () => {
  const table: [Kind, string, object, (next: any) => void, string[]][] = [
    [
      ReplicaSetKind,
      'selector',
      { spec: { selector, template } },
      (o) => (o.spec.selector = { matchLabels: { c: 'd' } }),
      ['spec.selector: Invalid value: {"matchLabels":{"c":"d"}}: field is immutable'],
    ],
    [
      EndpointSliceKind,
      'address type',
      { addressType: 'IPv4' },
      (o) => (o.addressType = 'IPv6'),
      ['addressType: Invalid value: "IPv6": field is immutable'],
    ],
    [
      PriorityClassKind,
      'value',
      { value: 1 },
      (o) => (o.value = 2),
      ['value: Forbidden: may not be changed in an update.'],
    ],
    [
      NodeKind,
      'pod range',
      { spec: { podCIDRs: ['10.0.0.0/24'] } },
      (o) => (o.spec.podCIDRs = ['10.0.1.0/24']),
      ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
    ],
    [NodeKind, 'labels may', { spec: { podCIDRs: ['10.0.0.0/24'] } }, (o) => (o.metadata.labels = { a: 'b' }), []],
  ];
  for (const [kind, name, body, change, want] of table) {
    test(`${kind.kind}: ${name}`, () => {
      const old = deepFreeze(make(kind, body));
      const next = cloneJson(old);
      change(next);
      assert.deepEqual(shown(kind.validateUpdate!(next, old)), want);
    });
  }

  test('a suspended job may still be told where to run; a started one may not', () => {
    const spec = { suspend: true, template: { spec: { ...template.spec, restartPolicy: 'Never' } } };
    const old = make(JobKind, { spec });
    const next = cloneJson(old);
    next.spec.template.spec.nodeSelector = { disk: 'ssd' };
    assert.deepEqual(shown(JobKind.validateUpdate!(next, old)), []);
    old.status.startTime = '2026-01-01T00:00:00Z';
    assert.equal(JobKind.validateUpdate!(next, old)[0]?.field, 'spec.template');
  });
});

describe('filled in', () => {
  test('a namespace gets its name as a label and its finalizer', () => {
    const namespace = make(NamespaceKind, {});
    assert.deepEqual(namespace.metadata.labels, { 'kubernetes.io/metadata.name': 'x' });
    assert.deepEqual(namespace.spec.finalizers, ['kubernetes']);
    assert.deepEqual(namespace.status, { phase: 'Active' });
  });

  test('a daemon set counts its templates', () => {
    const old = make(DaemonSetKind, { spec: { selector, template } });
    const key = 'deprecated.daemonset.template.generation';
    assert.equal(old.metadata.annotations[key], '1');
    const next = cloneJson(old);
    next.spec.template.spec.containers[0].image = 'nginx:2';
    DaemonSetKind.prepareForUpdate!(next, old, { nowMs });
    assert.equal(next.metadata.annotations[key], '2');
  });

  test('a service keeps what the server gave it, and gives it up with its type', () => {
    const old = make(ServiceKind, {
      spec: { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ ...port, nodePort: 30001 }] },
    });
    const applied = make(ServiceKind, { spec: { type: 'NodePort', ports: [port] } });
    ServiceKind.prepareForUpdate!(applied, old, { nowMs });
    assert.equal(applied.spec.clusterIP, '10.96.0.9');
    assert.deepEqual(applied.spec.clusterIPs, ['10.96.0.9']);
    assert.equal(applied.spec.ports[0].nodePort, 30001);
    const internal = cloneJson(old);
    internal.spec.type = 'ClusterIP';
    ServiceKind.prepareForUpdate!(internal, old, { nowMs });
    assert.equal(internal.spec.ports[0].nodePort, undefined);
    assert.equal(internal.spec.externalTrafficPolicy, undefined);
  });

  test('an event has two forms with the same facts', () => {
    const [, served] = EventKind.served;
    const body = {
      metadata: { name: 'e', namespace: 'n' },
      regarding: { kind: 'Pod', name: 'p', namespace: 'n' },
      reportingController: 'x.io/c',
      reportingInstance: 'i',
      eventTime: '2026-01-01T00:00:00.000001Z',
      note: 'hello',
      action: 'Do',
      reason: 'Why',
      type: 'Normal',
    };
    const event = decodeValue(served!.schema, body).value;
    const stored = served!.toStorage!(event);
    assert.equal(stored.apiVersion, 'v1');
    assert.equal(stored.message, 'hello');
    assert.equal(stored.involvedObject.name, 'p');
    assert.deepEqual(EventKind.validate!(stored), []);
    assert.deepEqual(served!.fromStorage!(stored), { ...event, apiVersion: 'events.k8s.io/v1' });
    assert.equal(EventKind.selectableFields!['regarding.name']!(stored), 'p');
  });
});

describe('columns', () => {
  const cells = (kind: Kind, object: any) => kind.columns!.map((column) => column.cell(object, { nowMs }));
  const age = { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' };
  const table: [Kind, object, unknown[]][] = [
    [ConfigMapKind, { data: { a: '1' }, binaryData: { b: '' } }, [2, '10m']],
    [
      DeploymentKind,
      { spec: { selector, template, replicas: 3 }, status: { readyReplicas: 2, updatedReplicas: 3 } },
      ['2/3', 3, 0, '10m', 'c', 'nginx:1', 'a=b'],
    ],
    [
      ServiceKind,
      { spec: { type: 'LoadBalancer', clusterIP: '10.96.0.9', ports: [{ ...port, nodePort: 30001 }] } },
      ['LoadBalancer', '10.96.0.9', '<pending>', '80:30001/TCP', '10m', '<none>'],
    ],
    [
      JobKind,
      { spec: { completions: 3, template }, status: { succeeded: 1, startTime: '2026-01-01T00:09:00Z' } },
      ['Running', '1/3', '60s', '10m', 'c', 'nginx:1', '<none>'],
    ],
    [
      NodeKind,
      {
        metadata: { ...age, labels: { 'node-role.kubernetes.io/control-plane': '' } },
        spec: { unschedulable: true },
        status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.36.0' } },
      },
      [
        'Ready,SchedulingDisabled',
        'control-plane',
        '10m',
        'v1.36.0',
        '<none>',
        '<none>',
        '<unknown>',
        '<unknown>',
        '<unknown>',
      ],
    ],
    [
      EndpointsKind,
      { subsets: [{ addresses: ['1', '2', '3', '4', '5'].map((n) => ({ ip: `10.0.0.${n}` })), ports: [port] }] },
      ['10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...', '10m'],
    ],
    [
      EventKind,
      {
        involvedObject: { kind: 'Pod', name: 'p' },
        reason: 'Why',
        type: 'Normal',
        message: ' hi ',
        count: 2,
        lastTimestamp: '2026-01-01T00:09:30Z',
        source: { component: 'kubelet', host: 'n1' },
      },
      ['30s', 'Normal', 'Why', 'pod/p', '', 'kubelet, n1', 'hi', '<unknown>', 2, 'x'],
    ],
  ];
  for (const [kind, object, want] of table) {
    test(kind.kind, () => assert.deepEqual(cells(kind, deepFreeze({ metadata: age, ...object })), want));
  }

  test('no column breaks on an object that was only just decoded', () => {
    for (const kind of kinds.filter((k) => k.stored)) {
      const object = deepFreeze(decodeValue(kind.storage.schema, { metadata: { name: 'x' } }).value);
      assert.doesNotThrow(() => cells({ ...kind, columns: kind.columns ?? [] }, object), kind.kind);
      for (const read of Object.values(kind.selectableFields ?? {}))
        assert.equal(typeof read(object), 'string', kind.kind);
    }
  });
});

test('a count of collisions is not lost', () => {
  const set = make(DaemonSetKind, { spec: { selector, template } });
  const refuse = (next: number | undefined) =>
    shown(
      DaemonSetKind.validateStatusUpdate!(
        { ...set, status: { collisionCount: next } },
        { ...set, status: { collisionCount: 1 } },
      ),
    );
  assert.deepEqual(refuse(undefined), ['status.collisionCount: Invalid value: 0: cannot be decremented']);
  assert.equal(refuse(-1).length, 2);
});

test('the name of a service may begin with a digit', () => {
  const rules = { namespaced: true, nameRule: ServiceKind.nameRule! };
  assert.deepEqual(validateObjectMeta({ name: '1a', namespace: 'n' }, rules, 'metadata'), []);
});

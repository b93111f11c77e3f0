// What services, nodes, namespaces, secrets and endpoints are refused for, after the tables of Kubernetes' own validation
// tests (pkg/apis/core/validation). A row shows an object and all errors that it has.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import { cloneJson, deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { EndpointsKind } from './endpoints.ts';
import { NamespaceKind } from './namespace.ts';
import { NodeKind } from './node.ts';
import { PersistentVolumeKind } from './persistentvolume.ts';
import { SecretKind } from './secret.ts';
import { ServiceKind } from './service.ts';

type Row = [body: object, ...errors: string[]];
const shown = (errors: readonly { field: string; detail: string }[] = []) =>
  errors.map((e) => `${e.field}: ${e.detail}`);

function make(kind: Kind, body: object): any {
  const draft = decodeValue(kind.storage.schema, { metadata: { name: 'x' }, ...body }).value as any;
  kind.storage.setDefaults?.(draft);
  const { status } = draft;
  kind.prepareForCreate?.(draft, { nowMs: 0 });
  if ('status' in body) draft.status = status;
  return draft;
}

function refusals(kind: Kind, bodyOf: (part: any) => object, rows: Row[]): void {
  for (const [part, ...want] of rows) {
    assert.deepEqual(
      shown(kind.validate!(deepFreeze(make(kind, bodyOf(part))))),
      want,
      JSON.stringify(part).slice(0, 200),
    );
  }
}

describe('services', () => {
  const port = { name: 'p', port: 80 };
  const clusterIPs = (...ips: string[]) => ({ clusterIP: ips[0], clusterIPs: ips });
  const noIP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  const noCIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  const onlyBalanced = "Forbidden: may only be used when `type` is 'LoadBalancer'";

  test('specs', () => {
    refusals(ServiceKind, (spec) => ({ spec: { ports: [port], ...spec } }), [
      [{}],
      [{ type: 'ExternalName', externalName: '.' }, 'spec.externalName: Required value'],
      [
        {
          type: 'ExternalName',
          externalName: 'a',
          ipFamilies: ['IPv4'],
          ipFamilyPolicy: 'SingleStack',
          ...clusterIPs('x'),
        },
        'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
        'spec.ipFamilies: Forbidden: may not be set for ExternalName services',
        'spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services',
      ],
      [
        { ports: [{ ...port, appProtocol: '' }] },
        'spec.ports[0].appProtocol: Invalid value: "": name part must be non-empty',
        "spec.ports[0].appProtocol: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
      [
        { type: 'LoadBalancer', loadBalancerSourceRanges: [' x '] },
        `spec.LoadBalancerSourceRanges[0]: Invalid value: "x": ${noCIDR}`,
      ],
      [{ loadBalancerSourceRanges: ['1.2.3.0/24'] }, `spec.LoadBalancerSourceRanges: ${onlyBalanced}`],
      [clusterIPs('1.2.3.4', 'None'), `spec.clusterIPs[1]: Invalid value: "None": ${noIP}`],
      [
        clusterIPs('None', 'None'),
        'spec.clusterIPs: Invalid value: ["None","None"]: \'None\' must be the first and only value',
        `spec.clusterIPs[1]: Invalid value: "None": ${noIP}`,
      ],
      [
        clusterIPs('1.2.3.4', '1.2.3.5'),
        'spec.clusterIPs: Invalid value: ["1.2.3.4","1.2.3.5"]: may specify no more than one IP for each IP family',
      ],
      [
        clusterIPs('1.2.3.4', '::1', '1.2.3.5'),
        'spec.clusterIPs: Invalid value: ["1.2.3.4","::1","1.2.3.5"]: may only hold up to 2 values',
      ],
      [
        { clusterIPs: ['1.2.3.4'] },
        'spec.clusterIPs: Invalid value: ["1.2.3.4"]: must be empty when `clusterIP` is not specified',
      ],
      [
        { ...clusterIPs('1.2.3.4'), ipFamilies: ['IPv6'] },
        'spec.clusterIPs[0]: Invalid value: "1.2.3.4": expected an IPv6 value as indicated by `ipFamilies[0]`',
      ],
      [
        { externalIPs: ['0::1'] },
        'spec.externalIPs[0]: Invalid value: "0::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
      [
        { externalIPs: ['0:0:0:0:0:0:0:0'] },
        'spec.externalIPs[0]: Invalid value: "0:0:0:0:0:0:0:0": may not be unspecified (0:0:0:0:0:0:0:0)',
      ],
      [
        { externalIPs: ['fe8::1', 'ff12::1'] },
        'spec.externalIPs[1]: Invalid value: "ff12::1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
      ],
    ]);
  });

  test('annotations', () => {
    const ranges = 'service.beta.kubernetes.io/load-balancer-source-ranges';
    const hints = {
      'service.kubernetes.io/topology-mode': 'auto',
      'service.kubernetes.io/topology-aware-hints': 'off',
    };
    const annotated = (type: string, annotations: object) => ({
      metadata: { name: 'x', annotations },
      spec: { type, ports: [port] },
    });
    refusals(ServiceKind, (body) => body, [
      [annotated('LoadBalancer', { [ranges]: '1.2.3.0/24,  5.6.0.0/16' })],
      [annotated('LoadBalancer', { [ranges]: '' })],
      [
        annotated('ClusterIP', { [ranges]: 'foo' }),
        `metadata.annotations[${ranges}]: ${onlyBalanced}`,
        `metadata.annotations[${ranges}]: Invalid value: "foo": ${noCIDR}`,
      ],
      [
        annotated('ClusterIP', hints),
        'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "auto": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
      ],
    ]);
  });

  test('what changes', () => {
    const old = make(ServiceKind, {
      spec: {
        ports: [port],
        ...clusterIPs('1.2.3.4', '::5'),
        ipFamilies: ['IPv4', 'IPv6'],
        ipFamilyPolicy: 'PreferDualStack',
      },
    });
    const change = (spec: object) =>
      shown(ServiceKind.validateUpdate!({ ...old, spec: { ...old.spec, ...spec } }, old));
    const single = { ...clusterIPs('1.2.3.4'), ipFamilies: ['IPv4'] };
    assert.deepEqual(change({ ...single, ipFamilyPolicy: 'SingleStack' }), []);
    assert.deepEqual(change(single), [
      'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP',
      'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily',
    ]);
    assert.deepEqual(change(clusterIPs('1.2.3.4', '::6')), [
      'spec.clusterIPs[1]: Invalid value: ["1.2.3.4","::6"]: may not change once set',
    ]);
    assert.deepEqual(change({ ipFamilies: ['IPv6', 'IPv4'] }), [
      'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
      'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
    ]);
  });

  test('a service of another type has no load balancer any more, and keeps what nobody gave out', () => {
    const old = make(ServiceKind, { spec: { type: 'LoadBalancer', ports: [port] } });
    old.status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    const next = cloneJson(old);
    Object.assign(next.spec, { type: 'ExternalName', externalName: 'a' });
    ServiceKind.prepareForUpdate!(next, old, { nowMs: 0 });
    assert.deepEqual([next.status, next.spec.internalTrafficPolicy], [{ loadBalancer: {} }, 'Cluster']);
  });

  test('a status', () => {
    const old = make(ServiceKind, { spec: { type: 'LoadBalancer', ports: [port] } });
    const at = 'status.loadBalancer.ingress';
    const errorsOf = (ingress: object, type = 'LoadBalancer') => {
      const next = { ...old, spec: { ...old.spec, type }, status: { loadBalancer: { ingress: [ingress] } } };
      return shown(ServiceKind.validateStatusUpdate!(next, old));
    };
    assert.deepEqual(errorsOf({ ip: '1.2.3.4', ipMode: 'VIP' }), []);
    assert.deepEqual(errorsOf({ ip: 'x', ipMode: 'X' }), [
      `${at}[0].ip: Invalid value: "x": ${noIP}`,
      `${at}[0].ipMode: Unsupported value: "X": supported values: "Proxy", "VIP"`,
    ]);
    assert.deepEqual(errorsOf({ hostname: '1.2.3.4', ipMode: 'VIP' }), [
      `${at}[0].ipMode: Forbidden: may not be specified when \`ip\` is not set`,
      `${at}[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`,
    ]);
    assert.deepEqual(errorsOf({ ip: '1.2.3.4', ipMode: 'VIP' }, 'ClusterIP'), [
      `${at}: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
    ]);
  });
});

test('nodes', () => {
  const taint = { key: 'a', value: 'b', effect: 'NoSchedule' };
  refusals(NodeKind, (body) => body, [
    [
      { spec: { taints: [taint, taint] } },
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"b","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ],
    [{ spec: { taints: [{ key: 'a' }] } }, 'metadata.taints[0].effect: Required value'],
    [
      { status: { capacity: { cpu: '-1' }, allocatable: { cpu: '1' } } },
      'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      { spec: { podCIDRs: ['10.0.0.0/16', '10.0.0.0/16'] } },
      'spec.podCIDRs: Invalid value: ["10.0.0.0/16","10.0.0.0/16"]: may specify no more than one CIDR for each IP family',
      'spec.podCIDRs[1]: Duplicate value: "10.0.0.0/16"',
    ],
  ]);
  const old = make(NodeKind, {});
  const address = { type: 'InternalIP', address: '1.1.1.1' };
  const next = { ...cloneJson(old), status: { addresses: [address, address] } };
  assert.deepEqual(shown(NodeKind.validateStatusUpdate!(next, old)), [
    'status.addresses[1]: Duplicate value: {"Type":"InternalIP","Address":"1.1.1.1"}',
  ]);
});

test('persistent volumes', () => {
  const fine = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] };
  refusals(PersistentVolumeKind, (spec) => ({ spec: { ...fine, ...spec } }), [
    [
      { hostPath: { path: '/a/..' }, persistentVolumeReclaimPolicy: 'Recycle' },
      'spec.hostPath.path: Invalid value: "/a/..": must not contain \'..\'',
      "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
    ],
    [
      { glusterfs: { endpoints: 'e', path: '/p', endpointsNamespace: '' } },
      'spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name',
    ],
    [{ cinder: { volumeID: 'v', secretRef: { name: 's' } } }, 'spec.cinder.secretRef.namespace: Required value'],
    [
      { azureFile: { secretName: 's', shareName: 's', secretNamespace: '' } },
      'spec.azureFile.secretNamespace: Required value',
    ],
    [{ iscsi: { targetPortal: 'a', iqn: 'x', lun: 0 } }, 'spec.iscsi.iqn: Invalid value: "x": must be valid format'],
  ]);
});

test('secrets hold the JSON that their type says, and what is wrong with it tells nothing of it', () => {
  const at = 'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>"';
  refusals(
    SecretKind,
    (text) => ({ type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': text } }),
    [
      ['{"a":1}' as never],
      ['null' as never],
      ['[]' as never, `${at}: json: cannot unmarshal array into Go value of type map[string]interface {}`],
      ['password' as never, `${at}: invalid character 'p' looking for beginning of value`],
    ],
  );
});

test('endpoints', () => {
  const ports = (...names: string[]) => ({
    subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: names.map((appProtocol) => ({ port: 1, appProtocol })) }],
  });
  refusals(EndpointsKind, (body) => body, [
    [ports('example.com/a')],
    [
      { subsets: [{ addresses: [{ ip: 'x' }] }] },
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
    ],
    [
      ports('a/b/c'),
      "subsets[0].ports[0].appProtocol: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ],
  ]);
});

test('finalizers have a domain, but for those of old', async () => {
  const text = 'name is neither a standard finalizer name nor is it fully qualified';
  refusals(NamespaceKind, (finalizers) => ({ spec: { finalizers } }), [
    [['orphan', 'a.io/b']],
    [['a'], `spec.finalizers: Invalid value: "a": ${text}`],
  ]);
  const api = await startMemoryApi();
  const create = (finalizer: string) =>
    api.send('POST', '/api/v1/namespaces/default/configmaps', {
      body: { metadata: { name: 'm', finalizers: [finalizer] } },
    });
  await assert.rejects(create('a'), {
    code: 422,
    message: `ConfigMap "m" is invalid: metadata.finalizers[0]: Invalid value: "a": ${text}`,
  });
  await create('a.io/b');
});

test('a namespace is Terminating while it is deleted, and only then', () => {
  const old = make(NamespaceKind, {});
  const errorsOf = (phase: string, deletionTimestamp?: string) =>
    shown(
      NamespaceKind.validateStatusUpdate!(
        { ...old, metadata: { ...old.metadata, deletionTimestamp }, status: { phase } },
        old,
      ),
    );
  assert.deepEqual(errorsOf('Active'), []);
  assert.deepEqual(errorsOf('Terminating', '2026-01-01T00:00:00Z'), []);
  assert.deepEqual(errorsOf('Terminating'), [
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ]);
  assert.deepEqual(errorsOf('Active', '2026-01-01T00:00:00Z'), [
    'status.Phase: Invalid value: "Active": may only be \'Terminating\' if `deletionTimestamp` is not empty',
  ]);
});

test('what the server makes of new objects', async () => {
  const api = await startMemoryApi();
  const at = '/api/v1/namespaces/default';
  const subset = { addresses: [{ ip: '1.2.3.10' }, { ip: '1.2.3.9' }, { ip: '1.2.3.9' }], ports: [{ port: 1 }] };
  const endpoints = await api.send('POST', `${at}/endpoints`, {
    body: {
      metadata: { name: 'e' },
      subsets: [subset, { notReadyAddresses: [{ ip: '1.2.3.9' }], ports: [{ port: 1 }] }],
    },
  });
  assert.deepEqual(endpoints.subsets, [
    { addresses: [{ ip: '1.2.3.10' }], notReadyAddresses: [{ ip: '1.2.3.9' }], ports: [{ port: 1, protocol: 'TCP' }] },
  ]);

  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const term = { topologyKey: 'k', labelSelector: {}, matchLabelKeys: ['a', 'x'], mismatchLabelKeys: ['b'] };
  const pod = await api.send('POST', `${at}/pods`, {
    body: {
      metadata: { name: 'p', labels: { a: '1', b: '2' } },
      spec: {
        affinity: { podAffinity: { [required]: [term] } },
        containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '0.1001', memory: '1n' } } }],
      },
    },
  });
  assert.deepEqual(pod.spec.affinity.podAffinity[required][0].labelSelector.matchExpressions, [
    { key: 'a', operator: 'In', values: ['1'] },
    { key: 'b', operator: 'NotIn', values: ['2'] },
  ]);
  assert.deepEqual(pod.spec.containers[0].resources.limits, { cpu: '101m', memory: '1m' });
});

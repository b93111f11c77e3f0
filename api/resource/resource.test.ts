// The rules of resource.k8s.io: classes of devices, claims on them, and the devices that drivers have.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import {
  assertLines,
  cellsOfBody,
  changeRefusals,
  createRefusals,
  makeObject,
} from '../../test/builders/kind-rules.ts';
import { DeviceClassKind } from './deviceclass.ts';
import { ResourceClaimKind } from './resourceclaim.ts';
import { ResourceClaimTemplateKind } from './resourceclaimtemplate.ts';
import { ResourceSliceKind } from './resourceslice.ts';

const driver = 'gpu.example.com';
const opaque = { driver, parameters: { mode: 'fast' } };
const exactly = { deviceClassName: 'gpu' };
const claim = (...requests: object[]) => ({ spec: { devices: { requests } } });
const claimWith = (more: object) => ({ spec: { devices: { requests: [{ name: 'a', exactly }], ...more } } });
const exact = (more: object) => claim({ name: 'a', exactly: { ...exactly, ...more } });
const pool = { name: 'n1', generation: 1, resourceSliceCount: 1 };
const slice = (more: object) => ({ spec: { driver, pool, nodeName: 'n1', ...more } });
const device = (more: object) => slice({ devices: [{ name: 'd0', ...more }] });
const shared = (requestPolicy: object) =>
  device({ allowMultipleAllocations: true, capacity: { memory: { value: '8Gi', requestPolicy } } });
const many = (n: number) => Array.from({ length: n }, (_, i) => `n${i}`);

describe('refused', () => {
  const table: [Kind, string, object, (string | RegExp)[]][] = [
    [DeviceClassKind, 'fine', { spec: { selectors: [{ cel: { expression: 'true' } }], config: [{ opaque }] } }, []],
    [
      DeviceClassKind,
      'selectors and settings',
      {
        spec: {
          selectors: [{}, { cel: { expression: 'x'.repeat(10_241) } }],
          config: [{}, { opaque: { parameters: [] } }],
          extendedResourceName: 'cpu',
        },
      },
      [
        'spec.selectors[0].cel: Required value',
        'spec.selectors[1].cel.expression: Too long: may not be more than 10240 bytes',
        'spec.config[0].opaque: Required value',
        'spec.config[1].opaque.driver: Required value',
        'spec.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
        'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
      ],
    ],
    [
      DeviceClassKind,
      'too many selectors',
      { spec: { selectors: many(33).map((expression) => ({ cel: { expression } })) } },
      ['spec.selectors: Too many: 33: must have at most 32 items'],
    ],
    [
      ResourceClaimKind,
      'fine',
      claimWith({ constraints: [{ matchAttribute: 'a.io/numa' }], config: [{ opaque }] }),
      [],
    ],
    [
      ResourceClaimKind,
      'requests',
      claim(
        { name: 'a' },
        { name: 'a', exactly, firstAvailable: [{ name: 'x', ...exactly }] },
        { name: 'B', exactly: {} },
      ),
      [
        'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
        'spec.devices.requests[1]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
        /^spec.devices.requests\[2\].name: Invalid value: "B": a lowercase RFC 1123 label/,
        'spec.devices.requests[2].exactly.deviceClassName: Required value',
        'spec.devices.requests[1]: Duplicate value: "a"',
      ],
    ],
    [
      ResourceClaimKind,
      'all, and a number',
      exact({ allocationMode: 'All', count: 2 }),
      [`spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'`],
    ],
    [
      ResourceClaimKind,
      'less than none',
      exact({ count: -1 }),
      ['spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero'],
    ],
    [
      ResourceClaimKind,
      'tolerations',
      exact({ tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }, { operator: 'Like' }, { effect: 'Never' }] }),
      [
        'spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "b": must be empty for operator `Exists`',
        'spec.devices.requests[0].exactly.tolerations[1].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
        'spec.devices.requests[0].exactly.tolerations[2].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
      ],
    ],
    [
      ResourceClaimKind,
      'constraints',
      claimWith({ constraints: [{ requests: ['b', 'a/b/c'], matchAttribute: 'numa' }, {}] }),
      [
        `spec.devices.constraints[0].requests[0]: Invalid value: "b": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
        `spec.devices.constraints[0].requests[1]: Invalid value: "a/b/c": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
        'spec.devices.constraints[0].matchAttribute: Invalid value: "numa": a fully qualified name must be a domain and a name separated by a slash',
        /^spec.devices.constraints\[1\]: Required value: exactly one of "matchAttribute"/,
      ],
    ],
    [
      ResourceClaimTemplateKind,
      'metadata and claim',
      { spec: { metadata: { labels: { '-': '' } }, ...{ spec: claim({ name: 'a' }).spec } } },
      [
        /^spec.metadata.labels: Invalid value: "-": name part/,
        'spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
      ],
    ],
    [
      ResourceSliceKind,
      'fine',
      device({
        attributes: { model: { string: 'a' }, 'a.io/version': { version: '1.2.3-rc.1+b' }, cores: { int: 0 } },
        capacity: { memory: { value: '8Gi' } },
      }),
      [],
    ],
    [
      ResourceSliceKind,
      'pool and nodes',
      { spec: { driver, pool: { name: 'a//b', generation: -1 }, allNodes: false } },
      [
        /^spec.pool.name: Invalid value: "": a lowercase RFC 1123 subdomain/,
        'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
        'spec.pool.generation: Invalid value: -1: must be greater than or equal to zero',
        'spec.allNodes: Invalid value: false: must be either unset or set to true',
        'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
      ],
    ],
    [
      ResourceSliceKind,
      'two ways to say which nodes',
      slice({ allNodes: true }),
      [
        'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
      ],
    ],
    [
      ResourceSliceKind,
      'attributes',
      device({
        attributes: {
          'a/b/c': { bool: true },
          '1': { bool: true },
          '/a': {},
          v: { version: '1.0' },
          two: { int: 1, bool: true },
        },
      }),
      [
        /^spec.devices\[0\].attributes: Invalid value: "1": a valid C identifier must start with alphabetic.*\(e.g. 'my_name', {2}or 'MY_NAME', {2}or 'MyName', regex/,
        'spec.devices[0].attributes: Invalid value: "a/b/c": must not contain more than one slash',
        'spec.devices[0].attributes: Invalid value: "": the domain must not be empty',
        'spec.devices[0].attributes[/a]: Invalid value: "": exactly one value must be specified',
        'spec.devices[0].attributes[v].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0',
        'spec.devices[0].attributes[two]: Invalid value: {"int":1,"bool":true}: exactly one value must be specified',
      ],
    ],
    [
      ResourceSliceKind,
      'nodes of a device',
      device({ nodeName: 'n1', taints: [{ key: 'a' }, { key: 'b', effect: 'Never' }] }),
      [
        'spec.devices[0].taints[0].effect: Required value',
        'spec.devices[0].taints[1].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
        /^spec.devices\[0\]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set/,
      ],
    ],
    [
      ResourceSliceKind,
      'nodes by device',
      {
        spec: {
          driver,
          pool,
          perDeviceNodeSelection: true,
          devices: [{ name: 'a' }, { name: 'a', nodeName: 'n', allNodes: true }],
        },
      },
      [
        /^spec.devices\[0\]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes`/,
        /^spec.devices\[1\]: Invalid value: "{`nodeName`, `allNodes`}": exactly one of/,
        'spec.devices[1]: Duplicate value: "a"',
      ],
    ],
    [
      ResourceSliceKind,
      'binding conditions',
      device({ bindingConditions: ['a', 'a'], bindingFailureConditions: ['a'] }),
      [
        'spec.devices[0].bindingConditions[1]: Duplicate value: "a"',
        'spec.devices[0].bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions',
      ],
    ],
    [
      ResourceSliceKind,
      'counters beside devices',
      slice({
        devices: [{ name: 'a', consumesCounters: [{ counterSet: 'c' }] }],
        sharedCounters: [{ counters: { a: { value: '1' } } }],
      }),
      [
        'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
        'spec.sharedCounters[0].name: Required value',
        'spec.devices[0].consumesCounters[0].counters: Required value',
      ],
    ],
    [
      ResourceSliceKind,
      'too many devices',
      slice({ devices: many(129).map((name) => ({ name })) }),
      ['spec.devices: Too many: 129: must have at most 128 items'],
    ],
    [
      ResourceSliceKind,
      'too many devices with taints',
      slice({ devices: many(65).map((name) => ({ name, taints: [{ key: 'a', effect: 'None' }] })) }),
      ['spec.devices: Too many: 65: must have at most 64 items'],
    ],
    [
      ResourceSliceKind,
      'a share of what is not shared',
      device({ capacity: { memory: { value: '1', requestPolicy: { default: '1' } } } }),
      ['spec.devices[0].capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true'],
    ],
    [
      ResourceSliceKind,
      'shares by value',
      shared({ default: '3Gi', validValues: ['2Gi', '1Gi', '9Gi'] }),
      [
        'spec.devices[0].capacity[memory].requestPolicy.validValues[1]: Invalid value: "1Gi": values must be sorted in ascending order',
        'spec.devices[0].capacity[memory].requestPolicy.validValues[2]: Invalid value: "9Gi": option is larger than capacity value: 8Gi',
        'spec.devices[0].capacity[memory].requestPolicy.validValues: Invalid value: "3Gi": default value is not valid according to the requestPolicy',
      ],
    ],
    [
      ResourceSliceKind,
      'shares in a range, fine',
      shared({ default: '1Gi', validRange: { min: '1Gi', max: '8Gi', step: '1Gi' } }),
      [],
    ],
    [
      ResourceSliceKind,
      'shares in a range',
      shared({ default: '5Gi', validRange: { min: '2Gi', max: '4Gi', step: '7Gi' } }),
      [
        'spec.devices[0].capacity[memory].requestPolicy.validRange.default: Invalid value: "5Gi": default is more than max: 4Gi',
        'spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: "7Gi": one step 9Gi is larger than capacity value: 8Gi',
        'spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: "5Gi": value is not a multiple of a given step (7Gi) from (2Gi)',
        'spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: "4Gi": value is not a multiple of a given step (7Gi) from (2Gi)',
      ],
    ],
  ];
  for (const [kind, name, body, want] of table) {
    test(`${kind.kind}: ${name}`, () => assertLines(createRefusals(kind, body), want));
  }
});

test('a request is for one device where it does not say how many', () => {
  const made = makeObject(ResourceClaimKind, claim({ name: 'a', exactly }, { name: 'b', firstAvailable: [exactly] }));
  const [a, b] = made.spec.devices.requests;
  assert.deepEqual(
    [a.exactly, b.firstAvailable[0]].map((r) => [r.allocationMode, r.count]),
    [
      ['ExactCount', 1],
      ['ExactCount', 1],
    ],
  );
  assert.deepEqual(
    makeObject(ResourceClaimKind, exact({ allocationMode: 'All' })).spec.devices.requests[0].exactly.count,
    undefined,
  );
});

test('taints of devices get their time; lists of attributes are not kept', () => {
  const taints = [{ key: 'a', effect: 'NoSchedule' }];
  const made = makeObject(ResourceSliceKind, device({ taints, attributes: { a: { strings: ['x'] } } }));
  assert.deepEqual(made.spec.devices[0].taints, [{ ...taints[0], timeAdded: '2026-01-01T00:10:00Z' }]);
  assert.deepEqual(made.spec.devices[0].attributes, { a: {} });
});

test('what is asked for never changes, nor whose devices a slice has', () => {
  const changed = (kind: Kind, from: object, to: object) => changeRefusals(kind, from, to);
  assert.match(
    changed(ResourceClaimKind, exact({}), exact({ count: 2 })).join(),
    /^spec: Invalid value: .*field is immutable$/,
  );
  const template = (count: number) => ({ spec: { spec: exact({ count }).spec } });
  assert.match(changed(ResourceClaimTemplateKind, template(1), template(2)).join(), /^spec: .*field is immutable$/);
  assert.deepEqual(changed(ResourceSliceKind, slice({}), slice({ nodeName: 'n2', pool: { ...pool, name: 'p' } })), [
    'spec.pool.name: Invalid value: "p": field is immutable',
    'spec.nodeName: Invalid value: "n2": field is immutable',
  ]);
  assert.deepEqual(changed(ResourceSliceKind, slice({}), device({})), []);
});

describe('the status of a claim', () => {
  const given = { request: 'a', driver, pool: 'n1', device: 'd0' };
  const allocation = { devices: { results: [given] } };
  const consumer = { resource: 'pods', name: 'p', uid: 'u' };
  const withStatus = (status: object, metadata: object = {}) => {
    const made = makeObject(ResourceClaimKind, { ...exact({}), status });
    return { ...made, metadata: { ...made.metadata, ...metadata } };
  };
  const change = (from: object, to: object, metadata?: object) => {
    const [old, next] = [withStatus(from, metadata), withStatus(to, metadata)].map(deepFreeze) as any[];
    return ResourceClaimKind.validateStatusUpdate!(next, old).map((e) => `${e.field}: ${e.detail}`);
  };
  const { device: _d, pool: _p, ...reported } = given;

  test('is taken: given, reserved, reported on', () => {
    assert.deepEqual(change({}, { allocation }), []);
    const devices = [{ driver, pool: 'n1', device: 'd0', networkData: { ips: ['10.0.0.5/24'] } }];
    assert.deepEqual(change({ allocation }, { allocation, reservedFor: [consumer], devices }), []);
    assert.deepEqual(change({ allocation }, {}), []);
  });

  test('is refused', () => {
    const table: [object, object, object | undefined, string[]][] = [
      [
        {},
        { reservedFor: [consumer] },
        undefined,
        ['status.reservedFor: Forbidden: may not be specified when `allocated` is not set'],
      ],
      [
        { allocation },
        { allocation, reservedFor: [consumer] },
        { deletionTimestamp: '2026-01-01T00:09:00Z' },
        [
          'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
        ],
      ],
      [
        {},
        { allocation: { devices: { results: [{ ...reported, request: 'b', pool: 'n1', device: 'd0' }] } } },
        undefined,
        [
          `status.allocation.devices.results[0].request: Invalid value: "b": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
        ],
      ],
      [
        { allocation },
        { allocation, devices: [{ driver, pool: 'n1', device: 'd1', networkData: { ips: ['10.0.0.05'] } }] },
        undefined,
        [
          'status.devices[0]: Invalid value: "gpu.example.com/n1/d1": must be an allocated device in the claim',
          'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.05": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
        ],
      ],
    ];
    for (const [from, to, metadata, want] of table) assert.deepEqual(change(from, to, metadata), want);
    const other = { devices: { results: [{ ...given, device: 'd1' }] } };
    assert.match(change({ allocation }, { allocation: other }).join(), /^status.allocation: .*field is immutable$/);
  });

  test('loses what was said of devices that are given back', () => {
    const devices = [{ driver, pool: 'n1', device: 'd0' }];
    const next = withStatus({ devices });
    ResourceClaimKind.prepareForStatusUpdate!(next, withStatus({ allocation, devices }), { nowMs: 0 });
    assert.equal(next.status.devices, undefined);
  });
});

describe('columns', () => {
  const status = { allocation: {}, reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] };
  const deleted = { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z', deletionTimestamp: '2026-01-01T00:09:00Z' };
  const table: [Kind, object, unknown[]][] = [
    [DeviceClassKind, { spec: {} }, ['10m']],
    [ResourceClaimKind, { spec: {} }, ['pending', '10m']],
    [ResourceClaimKind, { spec: {}, status }, ['allocated,reserved', '10m']],
    [ResourceClaimKind, { metadata: deleted, spec: {}, status }, ['deleted,allocated,reserved', '10m']],
    [ResourceSliceKind, slice({}), ['n1', driver, 'n1', '10m']],
  ];
  for (const [kind, body, want] of table)
    test(`${kind.kind} ${want[0]}`, () => assert.deepEqual(cellsOfBody(kind, body), want));
});

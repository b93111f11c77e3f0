import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  cellsOf,
  createRefusals,
  makeObject,
  nowMs,
  statusRefusals,
  updateRefusals,
} from '../../../test/builders/kind-rules.ts';
import { PersistentVolumeClaimKind as kind } from '../persistentvolumeclaim.ts';

const resources = { requests: { storage: '1Gi' } };
const spec = { accessModes: ['ReadWriteOnce'], resources };

test('a new claim waits for a volume with a file system', () => {
  const made = makeObject(kind, { spec, status: { phase: 'Bound' } });
  assert.deepEqual([made.spec.volumeMode, made.status], ['Filesystem', { phase: 'Pending' }]);
});

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['fine', spec, []],
    ['modes', { ...spec, accessModes: [] }, ['spec.accessModes: Required value: at least 1 access mode is required']],
    [
      'mode',
      { ...spec, accessModes: ['X'] },
      [
        'spec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      ],
    ],
    [
      'one pod and more',
      { ...spec, accessModes: ['ReadWriteOncePod', 'ReadOnlyMany'] },
      ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
    ],
    ['size', { ...spec, resources: {} }, ['spec.resources[storage]: Required value']],
    [
      'size of nothing',
      { ...spec, resources: { requests: { storage: '0' } } },
      ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'volume mode',
      { ...spec, volumeMode: 'x' },
      ['spec.volumeMode: Unsupported value: "x": supported values: "Block", "Filesystem"'],
    ],
    [
      'source of the core group',
      { ...spec, dataSourceRef: { kind: 'Pod', name: 'p' } },
      [
        'spec.dataSource: Invalid value: "Pod": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
        'spec.dataSourceRef: Invalid value: "Pod": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      ],
    ],
    [
      'two sources',
      {
        ...spec,
        dataSource: { kind: 'PersistentVolumeClaim', name: 'a' },
        dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'b' },
      },
      ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
    ],
  ];
  for (const [name, given, want] of table) {
    test(name, () => assert.deepEqual(createRefusals(kind, { spec: given }), want));
  }
});

test('both fields for a source say the same; the old one takes claims and snapshots only', () => {
  const snapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' };
  const other = { apiGroup: 'example.com', kind: 'Backup', name: 'b' };
  const sources = (given: object) => {
    const { dataSource, dataSourceRef } = makeObject(kind, { spec: { ...spec, ...given } }).spec;
    return [dataSource, dataSourceRef];
  };
  assert.deepEqual(sources({ dataSource: snapshot }), [snapshot, snapshot]);
  assert.deepEqual(sources({ dataSourceRef: other }), [other, other]);
  assert.deepEqual(sources({ dataSource: other }), [undefined, undefined]);
  assert.deepEqual(sources({ dataSourceRef: { ...other, namespace: 'n' } }), [undefined, undefined]);
  const old = makeObject(kind, { spec: { ...spec, dataSourceRef: other } });
  const next = { ...old, spec: { ...spec, dataSourceRef: other } };
  kind.prepareForUpdate!(next, old, { nowMs });
  assert.deepEqual(next.spec.dataSource, other);
});

describe('changes', () => {
  const head =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  const bound = { phase: 'Bound', capacity: { storage: '1Gi' } };
  const change = (body: any, to: object, status?: object) =>
    updateRefusals(kind, body, (next) => Object.assign(next.spec, to), status).map((text) => text.split('\n')[0]);
  const larger = { resources: { requests: { storage: '2Gi' } } };

  test('the volume is named once', () => {
    assert.deepEqual(change({ spec }, { volumeName: 'v' }), []);
    assert.deepEqual(change({ spec: { ...spec, volumeName: 'v' } }, { volumeName: 'w' }), [head]);
  });
  test('a bound claim may grow, and be taken back as long as it is more than there is', () => {
    assert.deepEqual(change({ spec }, larger), [head]);
    assert.deepEqual(change({ spec }, larger, bound), []);
    const grown = { spec: { ...spec, resources: { requests: { storage: '3Gi' } } } };
    assert.deepEqual(change(grown, larger, bound), []);
    assert.deepEqual(change(grown, { resources }, bound), [
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ]);
  });
  test('a claim without a class gets one, once', () => {
    assert.deepEqual(change({ spec }, { storageClassName: 'fast' }), []);
    assert.deepEqual(change({ spec: { ...spec, storageClassName: '' } }, { storageClassName: 'fast' }), [head]);
    const annotated = { metadata: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'slow' } }, spec };
    assert.deepEqual(change(annotated, { storageClassName: 'slow' }), []);
    assert.deepEqual(change(annotated, { storageClassName: 'fast' }), [head]);
  });
  test('the attributes class of a bound claim changes, but does not go', () => {
    const classy = { spec: { ...spec, volumeAttributesClassName: 'a' } };
    assert.deepEqual(change(classy, { volumeAttributesClassName: 'b' }, bound), []);
    assert.deepEqual(change(classy, { volumeAttributesClassName: '' }, bound), [
      'spec.volumeAttributesClassName: Forbidden: update from non-nil value to an empty string is forbidden',
    ]);
  });
  test('the refusal shows the difference', () => {
    const [text] = updateRefusals(kind, { spec }, (next) => (next.spec.accessModes = ['ReadWriteMany']));
    assert.match(
      text!,
      /\n@@ -1,6 \+1,6 @@\n \{\n {2}"AccessModes": \[\n- {2}"ReadWriteOnce"\n\+ {2}"ReadWriteMany"\n/,
    );
    assert.deepEqual(
      updateRefusals(kind, { spec }, (next) => (next.spec.volumeMode = 'Block')).map((line) => line.split('\n')[0]),
      [head, 'volumeMode: Invalid value: "Block": field is immutable'],
    );
  });
});

test('a status is checked', () => {
  const refused = (status: object) => statusRefusals(kind, { spec }, status);
  assert.deepEqual(refused({ capacity: { storage: '1Gi' }, allocatedResources: { 'example.com/x': '1' } }), []);
  assert.deepEqual(refused({ capacity: { storage: '-1' } }), [
    'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
  ]);
  assert.deepEqual(refused({ allocatedResources: { cpu: '1' } }), [
    'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
  ]);
});

test('columns', () => {
  const status = { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteMany', 'ReadWriteOnce'] };
  const boundSpec = { ...spec, volumeName: 'v', storageClassName: 'fast', volumeMode: 'Block' };
  assert.deepEqual(cellsOf(kind, { spec: boundSpec, status }), [
    'Bound',
    'v',
    '1Gi',
    'RWO,RWX',
    'fast',
    '<unset>',
    '10m',
    'Block',
  ]);
  const going = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, spec, status: { phase: 'Pending' } };
  assert.deepEqual(cellsOf(kind, going).slice(0, 4), ['Terminating', '', '', '']);
});

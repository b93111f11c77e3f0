import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cellsOf, createRefusals, makeObject, nowMs, updateRefusals } from '../../../test/builders/kind-rules.ts';
import { PersistentVolumeKind as kind } from '../persistentvolume.ts';

const capacity = { storage: '1Gi' };
const accessModes = ['ReadWriteOnce'];
const spec = { capacity, accessModes, hostPath: { path: '/data' } };
const csi = { driver: 'd.example.com', volumeHandle: 'h' };
const terms = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n'] }] }];
const nodeAffinity = { required: { nodeSelectorTerms: terms } };

test('a new volume is kept by default, and its phase has a time', () => {
  const made = makeObject(kind, { spec });
  assert.deepEqual([made.spec.persistentVolumeReclaimPolicy, made.spec.volumeMode], ['Retain', 'Filesystem']);
  assert.deepEqual(made.status, { phase: 'Pending', lastPhaseTransitionTime: '2026-01-01T00:10:00Z' });
  const later = { nowMs: nowMs + 60_000 };
  const next = { ...made, status: { ...made.status, phase: 'Available' } };
  kind.prepareForStatusUpdate!(next, made, later);
  assert.equal(next.status.lastPhaseTransitionTime, '2026-01-01T00:11:00Z');
  const told = { ...made, status: { phase: 'Bound', lastPhaseTransitionTime: '2026-01-01T00:09:00Z' } };
  kind.prepareForStatusUpdate!(told, made, later);
  assert.equal(told.status.lastPhaseTransitionTime, '2026-01-01T00:09:00Z');
});

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['fine', spec, []],
    ['local', { capacity, accessModes, local: { path: '/disk' }, nodeAffinity }, []],
    ['csi', { capacity, accessModes, csi, volumeAttributesClassName: 'a' }, []],
    [
      'nothing',
      {},
      [
        'spec.accessModes: Required value',
        'spec.capacity: Required value',
        'spec.capacity: Unsupported value: {}: supported values: "storage"',
        'spec: Required value: must specify a volume type',
      ],
    ],
    ['two sources', { ...spec, csi }, ['spec.csi: Forbidden: may not specify more than 1 volume type']],
    [
      'size of nothing',
      { ...spec, capacity: { storage: '0' } },
      ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'local without a place',
      { capacity, accessModes, local: { path: '/a/../b' } },
      [
        'spec.local.path: Invalid value: "/a/../b": must not contain \'..\'',
        'spec.nodeAffinity: Required value: Local volume requires node affinity',
      ],
    ],
    [
      'csi without names',
      { capacity, accessModes, csi: { nodePublishSecretRef: { name: 'S' } } },
      [
        'spec.csi.driver: Required value',
        `spec.csi.driver: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
        'spec.csi.volumeHandle: Required value',
        `spec.csi.nodePublishSecretRef.name: Invalid value: "S": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
        'spec.csi.nodePublishSecretRef.namespace: Required value',
      ],
    ],
    [
      'emptied root',
      { ...spec, hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
    [
      'attributes without csi',
      { ...spec, volumeAttributesClassName: '' },
      [
        'spec.volumeAttributesClassName: Required value: an empty string is disallowed',
        'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
      ],
    ],
    [
      'nfs',
      { capacity, accessModes, nfs: { path: 'x' } },
      ['spec.nfs.server: Required value', 'spec.nfs.path: Invalid value: "x": must be an absolute path'],
    ],
  ];
  for (const [name, given, want] of table) {
    test(name, () => assert.deepEqual(createRefusals(kind, { spec: given }), want));
  }
});

test('where it is does not change', () => {
  const change = (body: object, fn: (spec: any) => void) =>
    updateRefusals(kind, { spec: body }, (next) => fn(next.spec));
  const [text] = change(spec, (s) => (s.hostPath.path = '/other'));
  assert.match(
    text!,
    /^spec\.persistentvolumesource: Forbidden: spec\.persistentvolumesource is immutable after creation\n/,
  );
  assert.match(text!, /\n- {2}"Path": "\/data",\n\+ {2}"Path": "\/other",\n/);
  const secret = { name: 's', namespace: 'n' };
  assert.deepEqual(
    change({ capacity, accessModes, csi }, (s) => (s.csi.controllerExpandSecretRef = secret)),
    [],
  );
  assert.deepEqual(
    change(spec, (s) => (s.nodeAffinity = nodeAffinity)),
    [],
  );
  assert.deepEqual(
    change(spec, (s) => (s.capacity = { storage: '2Gi' })),
    [],
  );
  assert.match(
    change({ ...spec, nodeAffinity }, (s) => delete s.nodeAffinity).join(),
    /^nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA$/,
  );
  const zoned = (key: string) => ({
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: ['a'] }] }] },
  });
  assert.deepEqual(
    change({ ...spec, nodeAffinity: zoned('failure-domain.beta.kubernetes.io/zone') }, (s) =>
      Object.assign(s, { nodeAffinity: zoned('topology.kubernetes.io/zone') }),
    ),
    [],
  );
});

test('columns', () => {
  const bound = {
    spec: { ...spec, persistentVolumeReclaimPolicy: 'Retain', claimRef: { namespace: 'n', name: 'c' } },
    status: { phase: 'Bound' },
  };
  assert.deepEqual(cellsOf(kind, bound), ['1Gi', 'RWO', 'Retain', 'Bound', 'n/c', '', '<unset>', '', '10m', '<unset>']);
});

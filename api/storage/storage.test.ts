// The rules of storage.k8s.io: classes, drivers, and what nodes have of them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Kind } from '../../machinery/kind.ts';
import { cellsOfBody, changeRefusals, createRefusals, makeObject } from '../../test/builders/kind-rules.ts';
import { CSIDriverKind } from './csidriver.ts';
import { CSINodeKind } from './csinode.ts';
import { CSIStorageCapacityKind } from './csistoragecapacity.ts';
import { StorageClassKind } from './storageclass.ts';
import { VolumeAttributesClassKind } from './volumeattributesclass.ts';

const provisioner = 'example.com/Disk';
const zone = (...values: string[]) => ({ key: 'zone', values });
const terms = (...all: object[][]) => all.map((matchLabelExpressions) => ({ matchLabelExpressions }));
const driver = { name: 'csi.example.com', nodeID: 'n1' };

describe('refused', () => {
  const table: [Kind, string, object, string[]][] = [
    [StorageClassKind, 'fine', { provisioner, allowedTopologies: terms([zone('a')], [zone('b')]) }, []],
    [StorageClassKind, 'no provisioner', {}, ['provisioner: Required value']],
    [
      StorageClassKind,
      'words',
      { provisioner, reclaimPolicy: 'Recycle', volumeBindingMode: 'Later', parameters: { '': 'x' } },
      [
        'parameters: Invalid value: "": field can not be empty.',
        'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
        'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
      ],
    ],
    [
      StorageClassKind,
      'topologies',
      { provisioner, allowedTopologies: terms([zone('a', 'b')], [zone('b', 'a')], [zone(), zone('a', 'a')]) },
      [
        'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
        'allowedTopologies[2].matchLabelExpressions[0].values: Required value',
        'allowedTopologies[2].matchLabelExpressions[1].values[1]: Duplicate value: "a"',
        'allowedTopologies[2].matchLabelExpressions[1].key: Duplicate value: "zone"',
      ],
    ],
    [
      StorageClassKind,
      'too many parameters',
      { provisioner, parameters: Object.fromEntries(Array.from({ length: 513 }, (_, i) => [`k${i}`, ''])) },
      ['parameters: Too long: may not be more than 512 bytes'],
    ],
    [
      VolumeAttributesClassKind,
      'no parameters',
      { driverName: 'csi.example.com' },
      ['parameters: Required value: must contain at least one key/value pair'],
    ],
    [CSIDriverKind, 'fine', { spec: { tokenRequests: [{ audience: '' }, { audience: 'a' }] } }, []],
    [
      CSIDriverKind,
      'words and numbers',
      {
        spec: {
          fsGroupPolicy: 'Never',
          volumeLifecycleModes: ['Persistent', 'Short'],
          nodeAllocatableUpdatePeriodSeconds: 9,
          tokenRequests: [{ audience: 'a', expirationSeconds: 599 }, { audience: 'a' }],
        },
      },
      [
        'spec.fsGroupPolicy: Unsupported value: "Never": supported values: "File", "None", "ReadWriteOnceWithFSType"',
        'spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
        'spec.tokenRequests[1].audience: Duplicate value: "a"',
        'spec.volumeLifecycleModes: Unsupported value: "Short": supported values: "Persistent", "Ephemeral"',
        'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
      ],
    ],
    [CSINodeKind, 'fine', { spec: { drivers: [{ ...driver, topologyKeys: ['zone'] }] } }, []],
    [
      CSINodeKind,
      'drivers',
      {
        spec: {
          drivers: [
            { name: driver.name, topologyKeys: ['a', 'a'] },
            { ...driver, allocatable: { count: -1 } },
          ],
        },
      },
      [
        'spec.drivers[0].nodeID: Required value',
        'spec.drivers[0]: Duplicate value: "a"',
        'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
        'spec.drivers[1].name: Duplicate value: "csi.example.com"',
      ],
    ],
    [
      CSIStorageCapacityKind,
      'less than nothing',
      { storageClassName: 'fast', capacity: '-1Gi' },
      ['capacity: Invalid value: "-1Gi": must be greater than or equal to 0'],
    ],
  ];
  for (const [kind, name, body, want] of table) {
    test(`${kind.kind}: ${name}`, () => assert.deepEqual(createRefusals(kind, body), want));
  }
});

describe('may not change', () => {
  const table: [Kind, object, object, string[]][] = [
    [StorageClassKind, { provisioner }, { provisioner, allowVolumeExpansion: true, mountOptions: ['ro'] }, []],
    [
      StorageClassKind,
      { provisioner },
      {
        provisioner: 'other',
        parameters: { a: 'b' },
        reclaimPolicy: 'Retain',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
      [
        'parameters: Forbidden: updates to parameters are forbidden.',
        'provisioner: Forbidden: updates to provisioner are forbidden.',
        'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
      ],
    ],
    [
      VolumeAttributesClassKind,
      { driverName: 'a', parameters: { iops: '1' } },
      { driverName: 'b', parameters: { iops: '2' } },
      [
        'driverName: Forbidden: updates to driverName are forbidden.',
        'parameters: Forbidden: updates to parameters are forbidden.',
      ],
    ],
    [
      CSIDriverKind,
      { spec: {} },
      { spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral'], requiresRepublish: true } },
      [
        'spec.attachedRequired: Invalid value: false: field is immutable',
        'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
      ],
    ],
    [
      CSINodeKind,
      { spec: { drivers: [driver] } },
      { spec: { drivers: [{ ...driver, allocatable: { count: 3 } }] } },
      [],
    ],
    [
      CSINodeKind,
      { spec: { drivers: [driver] } },
      { spec: { drivers: [{ ...driver, nodeID: 'n2' }] } },
      ['spec.drivers: Invalid value: {"name":"csi.example.com","nodeID":"n2","topologyKeys":null}: field is immutable'],
    ],
    [
      CSIStorageCapacityKind,
      { storageClassName: 'a', capacity: '1Gi' },
      { storageClassName: 'b', capacity: '2Gi' },
      ['storageClassName: Invalid value: "b": field is immutable'],
    ],
  ];
  for (const [kind, from, to, want] of table) {
    test(kind.kind, () => assert.deepEqual(changeRefusals(kind, from, to), want));
  }
});

test('a driver is told apart by what is filled in; what this version has off is not kept', () => {
  assert.deepEqual(makeObject(CSIDriverKind, { spec: { preventPodSchedulingIfMissing: true } }).spec, {
    attachRequired: true,
    fsGroupPolicy: 'ReadWriteOnceWithFSType',
    podInfoOnMount: false,
    requiresRepublish: false,
    seLinuxMount: false,
    storageCapacity: false,
    volumeLifecycleModes: ['Persistent'],
  });
});

describe('columns', () => {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const metadata = { name: 'fast', annotations, creationTimestamp: '2026-01-01T00:00:00Z' };
  const table: [Kind, object, unknown[]][] = [
    [
      StorageClassKind,
      { metadata, provisioner, allowVolumeExpansion: true },
      ['fast (default)', provisioner, 'Delete', 'Immediate', true, '10m'],
    ],
    [StorageClassKind, { provisioner }, ['x', provisioner, 'Delete', 'Immediate', false, '10m']],
    [VolumeAttributesClassKind, { driverName: 'csi.example.com' }, ['x', 'csi.example.com', '10m']],
    [
      CSIDriverKind,
      { spec: { tokenRequests: [{ audience: 'a' }, { audience: 'b' }], volumeLifecycleModes: ['Ephemeral'] } },
      [true, false, false, 'a,b', false, 'Ephemeral', '10m'],
    ],
    [CSIDriverKind, { spec: {} }, [true, false, false, '<unset>', false, '<none>', '10m']],
    [CSINodeKind, { spec: { drivers: [driver] } }, [1, '10m']],
  ];
  for (const [kind, body, want] of table) test(kind.kind, () => assert.deepEqual(cellsOfBody(kind, body), want));
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  cellsOf,
  createRefusals,
  makeObject,
  statusRefusals,
  updateRefusals,
} from '../../../test/builders/kind-rules.ts';
import { StatefulSetKind as kind } from '../statefulset.ts';

const selector = { matchLabels: { a: 'b' } };
const container = { name: 'c', image: 'nginx:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
const claim = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};
const spec = { selector, template, serviceName: 's', volumeClaimTemplates: [claim] };

test('defaults', () => {
  const made = makeObject(kind, { spec }).spec;
  assert.deepEqual(made.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
  assert.deepEqual(made.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  assert.deepEqual([made.replicas, made.revisionHistoryLimit, made.podManagementPolicy], [1, 10, 'OrderedReady']);
  const [{ kind: type, apiVersion, status }] = made.volumeClaimTemplates;
  assert.deepEqual([type, apiVersion, status], ['PersistentVolumeClaim', 'v1', { phase: 'Pending' }]);
  const named = makeObject(kind, { spec: { ...spec, updateStrategy: { type: 'RollingUpdate' } } });
  assert.deepEqual(named.spec.updateStrategy, { type: 'RollingUpdate' });
});

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['fine', {}, []],
    ['names', { serviceName: 'a.b' }, ['spec.serviceName: Invalid value: "a.b": must not contain dots']],
    [
      'words',
      {
        podManagementPolicy: 'X',
        updateStrategy: { type: 'Y' },
        persistentVolumeClaimRetentionPolicy: { whenScaled: 'Z' },
      },
      [
        "spec.podManagementPolicy: Invalid value: \"X\": must be 'OrderedReady' or 'Parallel'",
        'spec.updateStrategy: Invalid value: {"Type":"Y","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
        'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Z": supported values: "Retain", "Delete"',
      ],
    ],
    [
      'pace on delete',
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      'pace',
      { updateStrategy: { rollingUpdate: { partition: -1, maxUnavailable: 0 } } },
      [
        'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
        'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0',
      ],
    ],
    [
      'numbers',
      { replicas: -1, minReadySeconds: -1, ordinals: { start: -1 } },
      ['replicas', 'minReadySeconds', 'ordinals.start'].map(
        (field) => `spec.${field}: Invalid value: -1: must be greater than or equal to 0`,
      ),
    ],
    [
      'empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
    ],
    [
      'a mount that no claim gives',
      { volumeClaimTemplates: [] },
      ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'a claim without a size',
      { volumeClaimTemplates: [{ ...claim, spec: { accessModes: ['ReadWriteOnce'] } }] },
      ['spec.volumeClaimTemplates[0].spec.resources[storage]: Required value'],
    ],
    [
      'pods that end',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
  ];
  for (const [name, given, want] of table) {
    test(name, () => assert.deepEqual(createRefusals(kind, { spec: { ...spec, ...given } }), want));
  }
});

test('what identifies its pods does not change', () => {
  const change = (to: object) => updateRefusals(kind, { spec }, (next) => Object.assign(next.spec, to));
  const text =
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  assert.deepEqual(change({ serviceName: 'other' }), [text]);
  assert.deepEqual(change({ volumeClaimTemplates: [claim, { ...claim, metadata: { name: 'more' } }] }), [text]);
  assert.deepEqual(change({ podManagementPolicy: 'Parallel' }), [text]);
  assert.deepEqual(change({ replicas: 3, minReadySeconds: 1, revisionHistoryLimit: 1, ordinals: { start: 1 } }), []);
});

test('parts of a status are no larger than the whole', () => {
  const refused = (status: object, old?: object) => statusRefusals(kind, { spec }, status, old);
  assert.deepEqual(refused({ replicas: 1, readyReplicas: 2, availableReplicas: 0 }), [
    'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
  ]);
  assert.deepEqual(refused({ replicas: 2, readyReplicas: 1, availableReplicas: 2 }), [
    'status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas',
  ]);
  assert.deepEqual(refused({ replicas: 0, collisionCount: 1 }, { replicas: 0, collisionCount: 2 }), [
    'status.collisionCount: Invalid value: 1: cannot be decremented',
  ]);
});

test('columns, scale and warning', () => {
  const object = makeObject(kind, { spec: { ...spec, replicas: 3 } });
  assert.deepEqual(cellsOf(kind, { ...object, status: { replicas: 3, readyReplicas: 2 } }), [
    '2/3',
    '10m',
    'c',
    'nginx:1',
  ]);
  assert.equal(kind.subresources.scale!.selector(object), 'a=b');
  assert.equal(kind.warnings!({ ...object, spec: { ...object.spec, revisionHistoryLimit: -1 } }).length, 1);
  assert.deepEqual(kind.warnings!(object), []);
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cellsOf, createRefusals, makeObject, statusRefusals } from '../../test/builders/kind-rules.ts';
import { PodDisruptionBudgetKind as kind } from './poddisruptionbudget.ts';

const selector = { matchLabels: { a: 'b' } };

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['fine', { selector, minAvailable: '50%', unhealthyPodEvictionPolicy: 'AlwaysAllow' }, []],
    ['for every pod', { selector: {}, maxUnavailable: 0 }, []],
    [
      'both',
      { selector, minAvailable: 1, maxUnavailable: '20%' },
      [
        'spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":"20%","UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
      ],
    ],
    [
      'more than all',
      { minAvailable: '101%' },
      ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      'less than none',
      { maxUnavailable: -1 },
      ['spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'policy',
      { unhealthyPodEvictionPolicy: 'Never' },
      [
        'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
      ],
    ],
  ];
  for (const [name, spec, want] of table) test(name, () => assert.deepEqual(createRefusals(kind, { spec }), want));
});

test('a status is checked, and its conditions', () => {
  const good = {
    type: 'DisruptionAllowed',
    status: 'True',
    reason: 'SufficientPods',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const refused = (status: object) => statusRefusals(kind, { spec: {} }, status);
  assert.deepEqual(refused({ conditions: [good], disruptionsAllowed: 1 }), []);
  assert.deepEqual(refused({ disruptionsAllowed: -1 }), [
    'status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0',
  ]);
  assert.deepEqual(
    refused({ conditions: [good, { ...good, status: 'Maybe', reason: '-', lastTransitionTime: undefined }] }).map(
      (text) => text.slice(0, 90),
    ),
    [
      'status.conditions[1].type: Duplicate value: "DisruptionAllowed"',
      'status.conditions[1].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'status.conditions[1].lastTransitionTime: Required value: must be set',
      'status.conditions[1].reason: Invalid value: "-": a condition reason must start with alphabetic character',
    ].map((text) => text.slice(0, 90)),
  );
});

test('columns', () => {
  const object = makeObject(kind, { spec: { selector, maxUnavailable: '25%' } });
  assert.deepEqual(cellsOf(kind, { ...object, status: { disruptionsAllowed: 2 } }), ['N/A', '25%', 2, '10m']);
  assert.deepEqual(cellsOf(kind, { spec: { minAvailable: 0 } }), ['0', 'N/A', 0, '10m']);
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRefusals, makeObject } from '../../test/builders/kind-rules.ts';
import { LimitRangeKind as kind } from './limitrange.ts';

const limitsOf = (...limits: object[]) => ({ spec: { limits } });

test('bounds of containers stand in for defaults', () => {
  const [item] = makeObject(kind, limitsOf({ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } })).spec
    .limits;
  assert.deepEqual(item.default, { cpu: '2' });
  assert.deepEqual(item.defaultRequest, { memory: '1Mi', cpu: '2' });
  const [pod] = makeObject(kind, limitsOf({ type: 'Pod', max: { cpu: '2' } })).spec.limits;
  assert.deepEqual(pod, { type: 'Pod', max: { cpu: '2' } });
});

describe('refused', () => {
  const table: [string, object[], string[]][] = [
    [
      'fine',
      [
        { type: 'Container', min: { cpu: '100m' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '4' } },
        { type: 'Pod', max: { memory: '1Gi' } },
        { type: 'PersistentVolumeClaim', min: { storage: '1Gi' } },
        { type: 'example.com/thing', max: { 'example.com/size': '1' } },
      ],
      [],
    ],
    [
      'types',
      [{ type: 'Thing' }, { type: 'Pod' }, { type: 'Pod' }],
      [
        'spec.limits[0].type: Invalid value: "Thing": must be a standard limit type or fully qualified',
        'spec.limits[2].type: Duplicate value: "Pod"',
      ],
    ],
    [
      'names',
      [{ type: 'Pod', max: { pods: '1' } }],
      ['spec.limits[0].max[pods]: Invalid value: "pods": must be a standard resource for containers'],
    ],
    [
      'defaults of pods',
      [{ type: 'Pod', default: { cpu: '1' }, defaultRequest: { cpu: '1' } }],
      ['default', 'defaultRequest'].map(
        (side) => `spec.limits[0].${side}: Forbidden: may not be specified when \`type\` is 'Pod'`,
      ),
    ],
    [
      'claims without a size',
      [{ type: 'PersistentVolumeClaim', max: { 'example.com/x': '1' } }],
      [
        'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      ],
    ],
    [
      'order',
      [
        {
          type: 'Container',
          min: { cpu: '3' },
          max: { cpu: '2' },
          default: { cpu: '1' },
          defaultRequest: { cpu: '4' },
        },
      ],
      [
        'spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than max value 2',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than default limit value 1',
        'spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 1',
      ],
    ],
    [
      'ratio',
      [
        { type: 'Pod', maxLimitRequestRatio: { memory: '500m' } },
        { type: 'Container', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } },
      ],
      [
        'spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: "500m": ratio 500m is less than 1',
        'spec.limits[1].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
      ],
    ],
    [
      'devices',
      [{ type: 'Container', default: { 'example.com/gpu': '2' }, defaultRequest: { 'example.com/gpu': '1' } }],
      [
        'spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu',
      ],
    ],
  ];
  for (const [name, limits, want] of table) {
    test(name, () => assert.deepEqual(createRefusals(kind, limitsOf(...limits)), want));
  }
});

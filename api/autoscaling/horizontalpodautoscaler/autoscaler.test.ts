import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../../machinery/decode.ts';
import { deepFreeze } from '../../../machinery/json.ts';
import {
  cellsOf,
  createRefusals,
  makeObject,
  statusRefusals,
  updateRefusals,
} from '../../../test/builders/kind-rules.ts';
import { HorizontalPodAutoscalerKind as kind } from '../horizontalpodautoscaler.ts';
import { fromV1, toV1 } from './conversion.ts';

const scaleTargetRef = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' };
const spec = { scaleTargetRef, maxReplicas: 5 };
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const memory = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
};
const external = {
  type: 'External',
  external: {
    metric: { name: 'queue', selector: { matchLabels: { a: 'b' } } },
    target: { type: 'Value', value: '30' },
  },
};
const perPod = {
  type: 'Pods',
  pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '500m' } },
};
const ofObject = {
  type: 'Object',
  object: { describedObject: scaleTargetRef, metric: { name: 'hits' }, target: { type: 'Value', value: '2k' } },
};
const ofContainer = {
  type: 'ContainerResource',
  containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 60 } },
};

describe('defaults', () => {
  test('CPU at 80 percent, from one replica', () => {
    const made = makeObject(kind, { spec }).spec;
    assert.deepEqual([made.minReplicas, made.metrics], [1, [cpu(80)]]);
    assert.equal(made.behavior, undefined);
  });

  test('a direction that is spoken of gets the rest of its rules, and the other one too', () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    assert.deepEqual(makeObject(kind, { spec: { ...spec, behavior } }).spec.behavior, {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [
          { type: 'Pods', value: 4, periodSeconds: 15 },
          { type: 'Percent', value: 100, periodSeconds: 15 },
        ],
      },
      scaleDown: {
        stabilizationWindowSeconds: 60,
        selectPolicy: 'Max',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
    });
  });
});

describe('refused', () => {
  const withMetric = (metric: object) => ({ metrics: [metric] });
  const target = { type: 'Utilization', averageUtilization: 1 };
  const table: [string, object, string[]][] = [
    ['fine', { metrics: [cpu(50), memory, external, perPod, ofObject, ofContainer] }, []],
    [
      'numbers',
      { minReplicas: 0, maxReplicas: 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      ],
    ],
    [
      'more at least than at most',
      { minReplicas: 6 },
      ['spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`'],
    ],
    [
      'target',
      { scaleTargetRef: { kind: '', name: 'a/b', apiVersion: 'a/b/c' } },
      [
        'spec.scaleTargetRef.kind: Required value',
        'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
        'spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      ],
    ],
    [
      'a target without an API group',
      { scaleTargetRef: { kind: 'Deployment', name: 'd' } },
      ['spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group'],
    ],
    ['one that needs none', { scaleTargetRef: { kind: 'ReplicationController', name: 'd' } }, []],
    [
      'an object of no version',
      withMetric({
        ...ofObject,
        object: { ...ofObject.object, describedObject: { ...scaleTargetRef, apiVersion: 'a/b/c' } },
      }),
      [
        'spec.metrics[0].object.describedObject.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      ],
    ],
    [
      'a container and a resource that are none',
      withMetric({
        ...ofContainer,
        containerResource: { ...ofContainer.containerResource, name: 'x', container: 'a.b' },
      }),
      [
        'spec.metrics[0].containerResource.name: Invalid value: "x": must be a standard resource type or fully qualified',
        'spec.metrics[0].containerResource.name: Invalid value: "x": must be a standard resource for containers',
        'spec.metrics[0].containerResource.container: Invalid value: "a.b": must not contain dots',
      ],
    ],
    [
      'another source than its type says',
      withMetric({ type: 'Pods', resource: { name: 'cpu', target } }),
      ['spec.metrics[0].pods: Required value: must populate information for the given metric source'],
    ],
    [
      'two sources',
      withMetric({ ...perPod, resource: { name: 'cpu', target } }),
      ['spec.metrics[0].resource: Forbidden: must populate the given metric source only'],
    ],
    [
      'unknown type',
      withMetric({ type: 'X' }),
      Array(2).fill(
        'spec.metrics[0].type: Unsupported value: "X": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      ),
    ],
    [
      'targets',
      withMetric({ type: 'Resource', resource: { name: '', target: { type: 'Y', averageValue: '0' } } }),
      [
        'spec.metrics[0].resource.name: Required value: must specify a resource name',
        'spec.metrics[0].resource.target.type: Invalid value: "Y": must be either Utilization, Value, or AverageValue',
        'spec.metrics[0].resource.target.averageValue: Invalid value: "0": must be positive',
      ],
    ],
    [
      'both targets',
      withMetric({ type: 'Resource', resource: { name: 'cpu', target: { ...target, averageValue: '1' } } }),
      [
        'spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization',
      ],
    ],
    [
      'no target',
      withMetric({ type: 'External', external: { metric: { name: '' }, target: { type: 'Value' } } }),
      [
        'spec.metrics[0].external.metric.name: Required value: must specify a metric name',
        'spec.metrics[0].external.target.averageValue: Required value: must set either a target value for metric or a per-pod target',
      ],
    ],
    [
      'a container without a name',
      withMetric({ type: 'ContainerResource', containerResource: { name: 'cpu', target } }),
      ['spec.metrics[0].containerResource.container: Required value: must specify a container'],
    ],
    [
      'pace',
      {
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 3601,
            selectPolicy: 'X',
            policies: [{ type: 'Y', value: 0, periodSeconds: 1801 }],
            tolerance: '-1',
          },
        },
      },
      [
        'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
        'spec.behavior.scaleUp.selectPolicy: Unsupported value: "X": supported values: "Disabled", "Max", "Min"',
        'spec.behavior.scaleUp.policies[0].type: Unsupported value: "Y": supported values: "Percent", "Pods"',
        'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
        'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
  ];
  for (const [name, given, want] of table) {
    test(name, () => assert.deepEqual(createRefusals(kind, { spec: { ...spec, ...given } }), want));
  }

  test('a version that was wrong before may stay', () => {
    const old = { spec: { ...spec, scaleTargetRef: { ...scaleTargetRef, apiVersion: 'a/b/c' } } };
    assert.deepEqual(
      updateRefusals(kind, old, (next) => (next.spec.maxReplicas = 9)),
      [],
    );
  });
  test('a status is checked', () => {
    assert.deepEqual(statusRefusals(kind, { spec }, { desiredReplicas: -1 }), [
      'status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });
});

describe('as autoscaling/v1', () => {
  const metadata = { name: 'x', annotations: { mine: 'kept', 'autoscaling.alpha.kubernetes.io/metrics': 'old' } };
  const prefix = 'autoscaling.alpha.kubernetes.io';
  const full = decodeValue(kind.storage.schema, {
    metadata: { ...metadata, annotations: { mine: 'kept' } },
    spec: { ...spec, metrics: [memory, external, perPod, ofObject, ofContainer, cpu(70)], behavior: { scaleDown: {} } },
    status: {
      desiredReplicas: 3,
      currentReplicas: 2,
      conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      currentMetrics: [
        { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 42, averageValue: '100m' } } },
        { type: 'Pods', pods: { metric: { name: 'rps' }, current: { averageValue: '1' } } },
      ],
    },
  }).value;
  kind.storage.setDefaults!(full);
  deepFreeze(full);

  test('CPU has a field, all else an annotation in the format of old', () => {
    const old = toV1({ ...full, metadata });
    assert.equal(old.spec.targetCPUUtilizationPercentage, 70);
    assert.equal(old.status!.currentCPUUtilizationPercentage, 42);
    assert.equal(old.metadata.annotations!.mine, 'kept');
    const metrics = JSON.parse(old.metadata.annotations![`${prefix}/metrics`]!);
    assert.deepEqual(metrics, [
      { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
      {
        type: 'External',
        external: { metricName: 'queue', metricSelector: { matchLabels: { a: 'b' } }, targetValue: '30' },
      },
      { type: 'Pods', pods: { metricName: 'rps', targetAverageValue: '500m' } },
      { type: 'Object', object: { target: scaleTargetRef, metricName: 'hits', targetValue: '2k' } },
      {
        type: 'ContainerResource',
        containerResource: { name: 'cpu', targetAverageUtilization: 60, container: 'c' },
      },
    ]);
    assert.equal(
      old.metadata.annotations![`${prefix}/behavior`],
      '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15},{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}',
    );
    assert.equal(
      old.metadata.annotations![`${prefix}/conditions`],
      '[{"type":"AbleToScale","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]',
    );
  });

  test('and nothing is lost on the way back', () => {
    const old = toV1(full);
    const { kind: _k, apiVersion: _a, ...want } = full;
    assert.deepEqual(fromV1(deepFreeze(old)), want);
  });

  test('without anything, CPU at 80 percent', () => {
    const made = fromV1({ metadata: { name: 'x' }, spec });
    assert.deepEqual([made.spec.metrics, made.metadata], [[cpu(80)], { name: 'x' }]);
  });

  test('annotations that hold something else are as if they were not there', () => {
    for (const text of ['{', '[{"type":1}]', '7', 'null', `${'['.repeat(5000)}`]) {
      const said = Object.fromEntries(
        ['metrics', 'current-metrics', 'conditions', 'behavior'].map((name) => [`${prefix}/${name}`, text]),
      );
      const made = fromV1({ metadata: { name: 'x', annotations: said }, spec });
      assert.deepEqual(
        [made.spec.metrics, made.spec.behavior, made.status!.conditions],
        [[cpu(80)], undefined, undefined],
      );
      assert.equal(made.metadata.annotations, undefined);
    }
  });
});

describe('columns', () => {
  const cells = (metrics: object[], currentMetrics: object[] | null) =>
    cellsOf(kind, { spec: { ...spec, minReplicas: 2, metrics }, status: { currentReplicas: 3, currentMetrics } });
  test('of what it should be', () => {
    const current = { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 42 } } };
    assert.deepEqual(cells([cpu(70)], [current]), ['Deployment/d', 'cpu: 42%/70%', '2', 5, 3, '10m']);
  });
  const table: [object[], object[] | null, string][] = [
    [[], null, '<none>'],
    [[cpu(70), memory], null, 'cpu: <unknown>/70%, memory: <unknown>/1Gi'],
    [[external, perPod, ofObject], null, '<unknown>/30, <unknown>/500m + 1 more...'],
    [[ofContainer], [], 'cpu: <unknown>/60%'],
    [
      [{ type: 'External', external: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: '3' } } }],
      [{ type: 'External', external: { metric: { name: 'q' }, current: { averageValue: '2' } } }],
      '2/3 (avg)',
    ],
    [[{ type: 'X' }], null, '<unknown type>'],
  ];
  for (const [metrics, measured, want] of table) test(want, () => assert.equal(cells(metrics, measured)[1], want));
});

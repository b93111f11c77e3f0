// One look of the controller at an autoscaler: what it writes, says and remembers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontalpodautoscaler/schema.ts';
import { HorizontalPodAutoscalerKind as kind } from '../../api/autoscaling/horizontalpodautoscaler.ts';
import type { Scale } from '../../api/autoscaling/scale.ts';
import { ObjectCache } from '../../client/store.ts';
import { modifiedError, notFoundError } from '../../machinery/errors.ts';
import { deepFreeze } from '../../machinery/json.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { makeObject } from '../../test/builders/kind-rules.ts';
import { pod, testTimeMs } from '../../test/builders/pod.ts';
import { controllerMetrics } from '../metrics.ts';
import { horizontalPodAutoscalerController } from './horizontal-pod-autoscaler.ts';
import type { MetricsClient } from './metrics-client.ts';
import type { PodMetric } from './replicas.ts';

type Deps = Parameters<typeof horizontalPodAutoscalerController.reconcile>[1];

const deployments = { group: 'apps', resource: 'deployments' };
const scaleTargetRef = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' };
const average = (name: string, averageValue: string) => ({
  type: 'Pods',
  pods: { metric: { name }, target: { type: 'AverageValue', averageValue } },
});
const outside = {
  type: 'External',
  external: { metric: { name: 'queue' }, target: { type: 'Value', value: '10' } },
};

function autoscaler(spec: object = {}, name = 'h'): HorizontalPodAutoscaler {
  const made = makeObject(kind, {
    metadata: { name, namespace: 'default' },
    spec: { scaleTargetRef, minReplicas: 2, maxReplicas: 8, metrics: [average('hits', '10')], ...spec },
  });
  return deepFreeze({ ...made, metadata: { name, namespace: 'default', generation: 3 } } as never);
}

interface World {
  replicas?: number;
  selector?: string;
  /** Of each pod, in thousandths; absent: the metric is not known. */
  hits?: number;
  queue?: number;
  scaleErrors?: Error[];
  isGone?: boolean;
}

function world(given: World = {}) {
  const { replicas = 4, selector = 'app=d', hits, queue, isGone = false } = given;
  const clock = new FakeClock(testTimeMs);
  const said: string[] = [];
  const written: HorizontalPodAutoscaler[] = [];
  const scaleErrors = [...(given.scaleErrors ?? [])];
  const scale = { replicas, looks: 0 };
  const pods = new ObjectCache<any>();
  for (let i = 0; i < replicas; i++) pods.put(pod(`p${i}`).labels({ app: 'd' }).ready().build());
  const missing = async () => {
    throw new Error('the server could not find the metric');
  };
  const measured = (value: number) => async () =>
    new Map(pods.list().map((p): [string, PodMetric] => [p.metadata.name, { value, atMs: testTimeMs, windowMs: 1 }]));
  const metrics: Partial<MetricsClient> = {
    ofPods: hits === undefined ? missing : measured(hits),
    external: queue === undefined ? missing : async () => queue,
  };
  const deps = {
    clock,
    meter: controllerMetrics(),
    log: silentLogger,
    pods,
    metrics,
    memories: new Map(),
    pathOf: () => '/scale',
    readScale: async () => {
      scale.looks++;
      if (isGone) throw notFoundError(deployments, 'd');
      return { metadata: { name: 'd' }, spec: { replicas: scale.replicas }, status: { replicas, selector } } as Scale;
    },
    writeScale: async (_path: string, { spec }: Scale) => {
      const err = scaleErrors.shift();
      if (err) throw err;
      scale.replicas = spec.replicas!;
    },
    updateStatus: async (object: HorizontalPodAutoscaler) => {
      written.push(object);
      return object;
    },
    say: (_: unknown, type: string, reason: string, message: string) => said.push(`${type} ${reason} ${message}`),
  } as unknown as Deps;
  const look = (object: HorizontalPodAutoscaler) => horizontalPodAutoscalerController.reconcile(object, deps);
  const conditions = () =>
    written.at(-1)!.status!.conditions!.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  return { clock, deps, said, scale, written, look, conditions };
}

interface Want {
  replicas: number;
  conditions: string[];
  said: string[];
}

const got = 'AbleToScale True';
const hitsFail = 'unable to get metric hits: the server could not find the metric';
const table: [name: string, spec: object, given: World, want: Want][] = [
  [
    'as many as it should be',
    {},
    { hits: 10_000 },
    {
      replicas: 4,
      conditions: [
        `${got} ReadyForNewScale`,
        'ScalingActive True ValidMetricFound',
        'ScalingLimited False DesiredWithinRange',
      ],
      said: [],
    },
  ],
  [
    'grows',
    {},
    { hits: 15_000 },
    {
      replicas: 6,
      conditions: [
        `${got} SucceededRescale`,
        'ScalingActive True ValidMetricFound',
        'ScalingLimited False DesiredWithinRange',
      ],
      said: ['Normal SuccessfulRescale New size: 6; reason: pods metric hits above target'],
    },
  ],
  [
    'shrinks at once where that is said',
    { behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } },
    { hits: 1_000 },
    {
      replicas: 2,
      conditions: [
        `${got} SucceededRescale`,
        'ScalingActive True ValidMetricFound',
        'ScalingLimited True TooFewReplicas',
      ],
      said: ['Normal SuccessfulRescale New size: 2; reason: All metrics below target'],
    },
  ],
  [
    'above the most there may be',
    {},
    { replicas: 9 },
    {
      replicas: 8,
      conditions: [`${got} SucceededRescale`],
      said: ['Normal SuccessfulRescale New size: 8; reason: Current number of replicas above Spec.MaxReplicas'],
    },
  ],
  [
    'below the least',
    {},
    { replicas: 1 },
    {
      replicas: 2,
      conditions: [`${got} SucceededRescale`],
      said: ['Normal SuccessfulRescale New size: 2; reason: Current number of replicas below Spec.MinReplicas'],
    },
  ],
  [
    'switched off by a scale of zero',
    {},
    { replicas: 0 },
    { replicas: 0, conditions: [`${got} SucceededGetScale`, 'ScalingActive False ScalingDisabled'], said: [] },
  ],
  [
    'what it is to scale is gone',
    {},
    { isGone: true },
    {
      replicas: 4,
      conditions: ['AbleToScale False FailedGetScale'],
      said: ['Warning FailedGetScale deployments.apps "d" not found'],
    },
  ],
  [
    'a scale without a selector',
    {},
    { selector: '' },
    {
      replicas: 4,
      conditions: [`${got} SucceededGetScale`, 'ScalingActive False InvalidSelector'],
      said: [
        'Warning SelectorRequired selector is required',
        'Warning FailedComputeMetricsReplicas selector is required',
      ],
    },
  ],
  [
    'a metric that is not known',
    {},
    {},
    {
      replicas: 4,
      conditions: [`${got} SucceededGetScale`, 'ScalingActive False FailedGetPodsMetric'],
      said: [
        `Warning FailedGetPodsMetric ${hitsFail}`,
        `Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: failed to get pods metric value: ${hitsFail}`,
      ],
    },
  ],
  [
    'one of two is not known, the other would shrink: stays',
    { metrics: [average('hits', '10'), outside] },
    { queue: 1_000 },
    {
      replicas: 4,
      conditions: [`${got} SucceededGetScale`, 'ScalingActive False FailedGetPodsMetric'],
      said: [
        `Warning FailedGetPodsMetric ${hitsFail}`,
        `Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 2), first error is: failed to get pods metric value: ${hitsFail}`,
      ],
    },
  ],
  [
    'one of two is not known, the other would grow: grows',
    { metrics: [average('hits', '10'), outside] },
    { queue: 20_000 },
    {
      replicas: 8,
      conditions: [
        `${got} SucceededRescale`,
        'ScalingActive True ValidMetricFound',
        'ScalingLimited False DesiredWithinRange',
      ],
      said: [
        `Warning FailedGetPodsMetric ${hitsFail}`,
        'Normal SuccessfulRescale New size: 8; reason: external metric queue(nil) above target',
      ],
    },
  ],
  [
    'somebody else writes meanwhile',
    {},
    { hits: 15_000, scaleErrors: [modifiedError(deployments, 'd')] },
    {
      replicas: 6,
      conditions: [
        `${got} SucceededRescale`,
        'ScalingActive True ValidMetricFound',
        'ScalingLimited False DesiredWithinRange',
      ],
      said: ['Normal SuccessfulRescale New size: 6; reason: pods metric hits above target'],
    },
  ],
  [
    'it may not',
    {},
    { hits: 15_000, scaleErrors: [new Error('no')] },
    {
      replicas: 4,
      conditions: [
        'AbleToScale False FailedUpdateScale',
        'ScalingActive True ValidMetricFound',
        'ScalingLimited False DesiredWithinRange',
      ],
      said: ['Warning FailedRescale New size: 6; reason: pods metric hits above target; error: no'],
    },
  ],
];

describe('a look', () => {
  for (const [name, spec, given, want] of table) {
    test(name, async () => {
      const { look, scale, conditions, said } = world(given);
      await look(autoscaler(spec));
      assert.deepEqual({ replicas: scale.replicas, conditions: conditions(), said }, want);
    });
  }

  test('grows by one of two metrics: a look with an error, as metrics count it', async () => {
    const { look, deps } = world({ queue: 20_000 });
    await look(autoscaler({ metrics: [average('hits', '10'), outside] }));
    assert.equal(deps.meter.hpaLooks.of('scale_up', 'internal').value, 1);
  });

  test('the status', async () => {
    const { look, written } = world({ hits: 15_000 });
    await look(autoscaler({ metrics: [average('hits', '10'), average('hits', '20')] }));
    const metric = { type: 'Pods', pods: { metric: { name: 'hits' }, current: { averageValue: '15' } } };
    const { conditions: _, ...status } = written[0]!.status!;
    assert.deepEqual(status, {
      observedGeneration: 3,
      lastScaleTime: '2026-01-01T00:00:00Z',
      currentReplicas: 4,
      desiredReplicas: 6,
      currentMetrics: [metric, metric],
    });
  });

  test('every 15 seconds, whatever becomes of its status, and at once when it asks for something else', async () => {
    const { look, scale, clock } = world({ hits: 10_000 });
    assert.deepEqual(await look(autoscaler()), { requeueAfterMs: 15_000 });
    await clock.advance(5_000);
    assert.deepEqual(await look(autoscaler()), { requeueAfterMs: 10_000 });
    assert.equal(scale.looks, 1);
    assert.deepEqual(await look(autoscaler({ maxReplicas: 5 })), { requeueAfterMs: 15_000 });
    assert.equal(scale.looks, 2);
    await clock.advance(15_000);
    await look(autoscaler({ maxReplicas: 5 }));
    assert.equal(scale.looks, 3);
  });

  test('two over the same pods: neither scales', async () => {
    const { look, said, scale, conditions, deps } = world({ hits: 30_000 });
    deps.memories.set('default/other', { dueMs: 0, spec: {}, history: undefined, selector: [] } as never);
    await look(autoscaler());
    const text = 'pods by selector app=d are controlled by more than one HPA (e.g. [default/other default/h])';
    assert.deepEqual(said, [`Warning AmbiguousSelector ${text}`, `Warning FailedComputeMetricsReplicas ${text}`]);
    assert.deepEqual(conditions(), ['AbleToScale True SucceededGetScale', 'ScalingActive False AmbiguousSelector']);
    assert.equal(scale.replicas, 4);
    horizontalPodAutoscalerController.forget!('default/other', deps);
    const { look: lookAgain, scale: free } = world({ hits: 30_000 });
    await lookAgain(autoscaler());
    assert.equal(free.replicas, 8);
  });
});

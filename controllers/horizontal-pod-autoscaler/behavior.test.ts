import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontalpodautoscaler/schema.ts';
import { HorizontalPodAutoscalerKind as kind } from '../../api/autoscaling/horizontalpodautoscaler.ts';
import { makeObject } from '../../test/builders/kind-rules.ts';
import { type History, newHistory, normalize, recordScaling } from './behavior.ts';

type Behavior = NonNullable<HorizontalPodAutoscaler['spec']['behavior']>;

/** With the API's defaults. */
const behaviorOf = (given: object | undefined): Behavior | undefined => {
  const scaleTargetRef = { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' };
  return (makeObject(kind, { spec: { scaleTargetRef, maxReplicas: 5, ...(given ? { behavior: given } : {}) } }) as any)
    .spec.behavior;
};

/** An autoscaler over time: what is wanted at each look, and what becomes of it. */
class Course {
  readonly history: History;
  #replicas: number;
  #nowMs = 1_000_000;
  readonly #behavior: Behavior | undefined;
  readonly #bounds: { min: number; max: number };

  constructor(replicas: number, behavior?: object, bounds = { min: 1, max: 100 }) {
    this.#replicas = replicas;
    this.#behavior = behaviorOf(behavior);
    this.#bounds = bounds;
    this.history = newHistory(replicas, this.#nowMs);
  }

  look(desired: number, afterSeconds = 15): [replicas: number, able: string, limited: string] {
    this.#nowMs += afterSeconds * 1000;
    const wish = { current: this.#replicas, desired, ...this.#bounds };
    const { replicas, able, limited } = normalize(wish, this.#behavior, this.history, this.#nowMs);
    const scaling = { from: this.#replicas, to: replicas };
    if (replicas !== this.#replicas) recordScaling(this.history, this.#behavior, scaling, this.#nowMs);
    this.#replicas = replicas;
    return [replicas, able.reason, `${limited.isLimited} ${limited.reason}`];
  }
}

const ready = 'ReadyForNewScale';
const within = 'false DesiredWithinRange';

describe('without rules', () => {
  test('at most twice as many at a time, and four from few', () => {
    const course = new Course(1);
    assert.deepEqual(course.look(50), [4, ready, 'true ScaleUpLimit']);
    assert.deepEqual(course.look(50), [8, ready, 'true ScaleUpLimit']);
    assert.deepEqual(course.look(10), [16, 'ScaleDownStabilized', 'true ScaleUpLimit']);
  });
  test('shrinks by the most that was wanted within five minutes', () => {
    const course = new Course(8);
    assert.deepEqual(course.look(6), [8, 'ScaleDownStabilized', within]);
    assert.deepEqual(course.look(2, 280), [8, 'ScaleDownStabilized', within]);
    assert.deepEqual(course.look(2, 15), [6, 'ScaleDownStabilized', within]);
    assert.deepEqual(course.look(2, 300), [2, ready, within]);
  });
  test('bounds', () => {
    assert.deepEqual(new Course(3, undefined, { min: 1, max: 5 }).look(9), [5, ready, 'true TooManyReplicas']);
    assert.deepEqual(new Course(3, undefined, { min: 2, max: 5 }).look(0, 301), [2, ready, 'true TooFewReplicas']);
  });
});

describe('with rules', () => {
  test('of the API: four more or twice as many in 15 seconds', () => {
    const course = new Course(2, {});
    assert.deepEqual(course.look(50), [6, ready, 'true ScaleUpLimit']);
    assert.deepEqual(course.look(50, 5), [6, ready, 'true ScaleUpLimit']);
    assert.deepEqual(course.look(50, 10), [12, ready, 'true ScaleUpLimit']);
  });
  test('a window upwards: by the least that was wanted', () => {
    const course = new Course(2, { scaleUp: { stabilizationWindowSeconds: 60 } });
    assert.deepEqual(course.look(5), [2, 'ScaleUpStabilized', within]);
    assert.deepEqual(course.look(3, 44), [2, 'ScaleUpStabilized', within]);
    assert.deepEqual(course.look(5, 16), [3, 'ScaleUpStabilized', within]);
    assert.deepEqual(course.look(5, 60), [5, ready, within]);
  });
  test('no window downwards: at once', () => {
    const course = new Course(8, { scaleDown: { stabilizationWindowSeconds: 0 } });
    assert.deepEqual(course.look(2), [2, ready, within]);
  });
  test('pods by the minute, downwards', () => {
    const policies = [{ type: 'Pods', value: 2, periodSeconds: 60 }];
    const course = new Course(10, { scaleDown: { stabilizationWindowSeconds: 0, policies } });
    assert.deepEqual(course.look(1), [8, ready, 'true ScaleDownLimit']);
    assert.deepEqual(course.look(1, 59), [8, ready, 'true ScaleDownLimit']);
    assert.deepEqual(course.look(1, 1), [6, ready, 'true ScaleDownLimit']);
  });
  test('percents: rounded up when it grows, and to the many side when it shrinks', () => {
    const policies = [{ type: 'Percent', value: 10, periodSeconds: 60 }];
    const rules = { stabilizationWindowSeconds: 0, policies };
    const course = new Course(100, { scaleUp: rules, scaleDown: rules });
    assert.equal(course.look(1)[0], 90);
    assert.equal(new Course(5, { scaleUp: rules }).look(50)[0], 6);
    assert.equal(new Course(5, { scaleDown: rules }).look(1)[0], 4);
  });
  test('what it shrank by may be regrown within the period', () => {
    const policies = [{ type: 'Pods', value: 1, periodSeconds: 60 }];
    const course = new Course(5, { scaleUp: { policies }, scaleDown: { stabilizationWindowSeconds: 0 } });
    assert.equal(course.look(2)[0], 2);
    assert.deepEqual(course.look(50), [6, ready, 'true ScaleUpLimit']);
  });
  const two = [
    { type: 'Pods', value: 1, periodSeconds: 60 },
    { type: 'Percent', value: 100, periodSeconds: 60 },
  ];
  for (const [selectPolicy, up, down] of [
    ['Max', 20, 1],
    ['Min', 11, 9],
    ['Disabled', 10, 10],
  ] as const) {
    test(`${selectPolicy} of two policies`, () => {
      const rules = { selectPolicy, policies: two, stabilizationWindowSeconds: 0 };
      assert.equal(new Course(10, { scaleUp: rules }).look(100)[0], up);
      assert.equal(new Course(10, { scaleDown: rules }).look(1)[0], down);
    });
  }
  test('the bounds hold before the pace', () => {
    assert.deepEqual(new Course(2, {}, { min: 1, max: 3 }).look(9), [3, ready, 'true TooManyReplicas']);
    const down = { scaleDown: { stabilizationWindowSeconds: 0 } };
    assert.deepEqual(new Course(4, down, { min: 2, max: 5 }).look(0), [2, ready, 'true TooFewReplicas']);
  });
});

test('the history does not grow without end', () => {
  const course = new Course(1, {});
  for (let i = 0; i < 1_000; i++) course.look(i % 7 === 0 ? 9 : 1);
  assert.ok(course.history.wishes.length < 30, String(course.history.wishes.length));
  assert.ok(course.history.grown.length + course.history.shrunk.length < 10);
});

// What is told is what prom-client's own metrics tell of the same counts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { HotHistogram, HotNumber } from './hot-metrics.ts';

const labelNames = ['verb', 'code'];
const name = 'requests';
const help = 'Requests.';
const requests: [verb: string, code: string, seconds: number][] = [
  ['get', '200', 0.001],
  ['get', '200', 0.5],
  ['get', '404', 0.1],
  ['"list"\n', '200', 7],
  ['get', '200', 0.1],
];

describe('metrics of every request', () => {
  const told = async (make: (registry: Registry) => void) => {
    const registry = new Registry();
    make(registry);
    return (await registry.metrics()).split('\n').sort();
  };

  test('a histogram', async () => {
    const buckets = [0.1, 0.5, 1];
    const hot = await told((registry) => {
      const histogram = new HotHistogram({ name, help, labelNames, registry, buckets });
      for (const [verb, code, seconds] of requests) histogram.of(verb, code).observe(seconds);
    });
    const plain = await told((registry) => {
      const histogram = new Histogram({ name, help, labelNames, registers: [registry], buckets });
      for (const [verb, code, seconds] of requests) histogram.observe({ verb, code }, seconds);
    });
    assert.deepEqual(withSortedLabels(hot), withSortedLabels(plain));
  });

  for (const [type, Plain] of [['counter', Counter] as const, ['gauge', Gauge] as const])
    test(`a ${type}`, async () => {
      const hot = await told((registry) => {
        const numbers = new HotNumber({ type, name, help, labelNames, registry });
        for (const [verb, code] of requests) numbers.of(verb, code).value++;
      });
      const plain = await told((registry) => {
        const numbers = new Plain({ name, help, labelNames, registers: [registry] });
        for (const [verb, code] of requests) numbers.inc({ verb, code });
      });
      assert.deepEqual(hot, plain);
    });
});

/** The order of labels means nothing. */
function withSortedLabels(lines: string[]): string[] {
  return lines
    .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`))
    .sort();
}

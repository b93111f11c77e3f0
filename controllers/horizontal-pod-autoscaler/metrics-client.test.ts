import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kinds } from '../../api/index.ts';
import { StatusError, unavailableError, unknownPathError } from '../../machinery/errors.ts';
import { metricsClient } from './metrics-client.ts';

/** A server that answers some paths; what it was asked is noted. */
function served(answers: Record<string, object | Error>) {
  const asked: string[] = [];
  const client = {
    async request({ path }: { path: string }) {
      asked.push(decodeURIComponent(path));
      const answer = answers[path.split('?')[0]!] ?? unknownPathError();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { asked, metrics: metricsClient({ client, kinds: { current: kinds } } as never) };
}

const timestamp = '2026-01-01T00:00:00Z';
const atMs = Date.parse(timestamp);
const pods = '/apis/metrics.k8s.io/v1beta1/namespaces/ns/pods';
const custom = (version: string, rest: string) => `/apis/custom.metrics.k8s.io/${version}/namespaces/ns/${rest}`;

describe('resources', () => {
  const container = (name: string, usage: object) => ({ name, usage });
  const items = [
    {
      metadata: { name: 'a' },
      timestamp,
      window: '15s',
      containers: [container('c', { cpu: '100m', memory: '1Ki' }), container('d', { cpu: '50m' })],
    },
    { metadata: { name: 'b' }, timestamp, window: '15s', containers: [] },
  ];
  const { asked, metrics } = served({ [pods]: { items } });
  const use = (value: number) => [['a', { value, atMs, windowMs: 15_000 }]];

  test('of pods as a whole: all containers, or it does not count', async () => {
    assert.deepEqual([...(await metrics.ofResource('ns', 'app=x', { resource: 'cpu' }))], use(150));
    assert.deepEqual([...(await metrics.ofResource('ns', 'app=x', { resource: 'memory' }))], []);
    assert.equal(asked[0], `${pods}?labelSelector=app=x`);
  });
  test('of one container', async () => {
    const what = { resource: 'memory', container: 'c' };
    assert.deepEqual([...(await metrics.ofResource('ns', '', what))], use(1024_000));
  });
  const refusals: [answer: object | undefined, want: string][] = [
    [{ items: [] }, 'no metrics returned from resource metrics API'],
    [
      undefined,
      'unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)',
    ],
    [
      unavailableError('service unavailable'),
      'unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)',
    ],
  ];
  for (const [answer, message] of refusals) {
    test(message, async () => {
      const { metrics: other } = served(answer ? { [pods]: answer } : {});
      await assert.rejects(other.ofResource('ns', '', { resource: 'cpu' }), { message });
    });
  }
});

describe('custom metrics', () => {
  const value = (name: string, more: object = {}) => ({
    describedObject: { name },
    timestamp,
    value: '1500m',
    ...more,
  });
  const metric = { name: 'hits', selector: { matchLabels: { a: 'b' } } };

  test('of pods, with their window or a minute', async () => {
    const path = custom('v1beta2', 'pods/%2A/hits');
    const { asked, metrics } = served({ [path]: { items: [value('p', { windowSeconds: 30 }), value('q')] } });
    assert.deepEqual(
      [...(await metrics.ofPods('ns', 'app=x', metric))],
      [
        ['p', { value: 1500, atMs, windowMs: 30_000 }],
        ['q', { value: 1500, atMs, windowMs: 60_000 }],
      ],
    );
    assert.deepEqual(asked, [`${custom('v1beta2', 'pods/*/hits')}?labelSelector=app=x&metricLabelSelector=a=b`]);
  });
  test('of objects of any group, and of the namespace', async () => {
    const ingress = custom('v1beta2', 'ingresses.networking.k8s.io/i/hits');
    const space = custom('v1beta2', 'metrics/hits');
    const { metrics } = served({ [ingress]: { items: [value('i')] }, [space]: { items: [value('ns'), value('ns')] } });
    const object = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'i' };
    assert.equal(await metrics.ofObject('ns', object, metric), 1500);
    const message =
      'unable to fetch metrics from custom metrics API: the custom metrics API server returned 2 results when we asked for exactly one';
    await assert.rejects(metrics.ofObject('ns', { kind: 'Namespace', name: 'ns' }, metric), { message });
    const unknown = { apiVersion: 'x.io/v1', kind: 'X', name: 'x' };
    await assert.rejects(metrics.ofObject('ns', unknown, metric), {
      message: 'no matches for kind "X" in group "x.io"',
    });
  });
  test('the older version may be another server', async () => {
    const missing = new StatusError(404, 'NotFound', 'the server could not find the metric hits for pods');
    const items = [value('p')];
    const paths = ['v1beta2', 'v1beta1'].map((version) => custom(version, 'pods/%2A/hits'));
    const { metrics } = served({ [paths[0]!]: missing, [paths[1]!]: { items } });
    assert.equal((await metrics.ofPods('ns', '', metric)).get('p')?.value, 1500);
    const { metrics: none } = served({ [paths[0]!]: missing });
    const message = `unable to fetch metrics from custom metrics API: ${missing.message}`;
    await assert.rejects(none.ofPods('ns', '', metric), { message });
  });
});

test('external metrics are added up', async () => {
  const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/ns/queue';
  const items = ['1', '500m'].map((value) => ({ timestamp, value }));
  const { metrics, asked } = served({ [path]: { items } });
  assert.equal(await metrics.external('ns', { name: 'queue', selector: { matchLabels: { a: 'b' } } }), 1500);
  assert.deepEqual(asked, [`${path}?labelSelector=a=b`]);
  await assert.rejects(metrics.external('ns', { name: 'other' }), /\(get other\.external\.metrics\.k8s\.io\)$/);
});

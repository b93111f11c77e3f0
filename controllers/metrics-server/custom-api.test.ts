import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { ObjectCache } from '../../client/store.ts';
import { pod } from '../../test/builders/pod.ts';
import { customApis } from './custom-api.ts';
import { readLook, scrapePath } from './pod-series.ts';
import { readParts } from './served-api.ts';

describe('where a pod shows its metrics', () => {
  const say = (annotations: Record<string, string>) =>
    Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`prometheus.io/${key}`, value]));
  const proxy = '/api/v1/namespaces/default/pods';
  const table: [said: Record<string, string>, want: string | undefined][] = [
    [{}, undefined],
    [{ scrape: 'false', port: '80' }, undefined],
    [{ scrape: 'true' }, `${proxy}/:a:/proxy/metrics`],
    [{ scrape: 'true', port: '8080', path: '/x/y?z=1' }, `${proxy}/:a:8080/proxy/x/y?z=1`],
    [{ scrape: 'true', port: '8443', scheme: 'https', path: 'm' }, `${proxy}/https:a:8443/proxy/m`],
    [{ scrape: 'true', port: '80/../../secrets' }, `${proxy}/:a:80%2F..%2F..%2Fsecrets/proxy/metrics`],
    [{ scrape: 'true', path: '/../../../secrets' }, `${proxy}/:a:/proxy/secrets`],
    [{ scrape: 'true', path: 'http://[' }, undefined],
  ];
  for (const [said, want] of table) {
    test(JSON.stringify(said), () =>
      assert.equal(scrapePath(pod('a').annotations(say(said)).ready().ip('10.0.0.1').build()), want),
    );
  }
  test('not before it runs', () => {
    assert.equal(
      scrapePath(
        pod('a')
          .annotations(say({ scrape: 'true' }))
          .build(),
      ),
      undefined,
    );
  });
});

const before = `# TYPE requests_total counter
requests_total{code="200"} 100
requests_total{code="500"} 50
busy_seconds_total 10
restarted_total 90
`;
const last = `requests_total{code="200"} 120
requests_total{code="500"} 51
requests_total{code="404"} 4
busy_seconds_total 15
restarted_total 30
queue_depth{queue="a"} 3
queue_depth{queue="b"} 4.5
odd NaN
vast 1e308
deep -1e30
latency_bucket{le="1"} 7
latency_sum 12
latency{quantile="0.5"} 1
`;

function served() {
  const pods = new ObjectCache<Pod>();
  for (const name of ['a', 'b', 'silent']) pods.put(pod(name).labels({ app: name }).build());
  const look = async ({ metadata: { name } }: Pod) => {
    if (name === 'silent') return undefined;
    const atMs = Date.parse('2026-01-01T00:00:00Z');
    return { before: { atMs, value: readLook(before) }, last: { atMs: atMs + 10_000, value: readLook(last) } };
  };
  const apis = customApis({ pods, look, seen: () => ['queue_depth', 'busy'] });
  const get = (path: string, version = 'v1beta2'): Promise<any> => {
    const url = new URL(path, 'http://x/');
    const parts = readParts(url.pathname.slice(1).split('/').map(decodeURIComponent));
    return apis.find((one) => one.version === version)!.answer({ ...parts, query: url.searchParams, asTable: false });
  };
  return { get, apis };
}

describe('custom.metrics.k8s.io', () => {
  const values: [metric: string, query: string, want: string | undefined][] = [
    ['requests', '', '2500m'],
    ['requests', '?metricLabelSelector=code%3D500', '100m'],
    ['requests', '?metricLabelSelector=code+in+(200,404)', '2400m'],
    ['requests', '?metricLabelSelector=code%3D418', undefined],
    ['busy', '', '500m'],
    ['restarted', '', '3'],
    ['queue_depth', '', '7500m'],
    ['queue_depth', '?metricLabelSelector=queue%3Da', '3'],
    ['latency_sum', '', '12'],
    ['latency_bucket', '', undefined],
    ['latency', '', undefined],
    ['odd', '', undefined],
    ['vast', '', '9223372036854774784m'],
    ['deep', '', '-9223372036854774784m'],
    ['requests_total', '', undefined],
  ];
  for (const [metric, query, want] of values) {
    test(`${metric}${query}`, async () => {
      const asked = served().get(`namespaces/default/pods/a/${metric}${query}`);
      if (want !== undefined) assert.equal((await asked).items[0].value, want);
      else
        await assert.rejects(asked, {
          code: 404,
          message: `the server could not find the metric ${metric} for pods a`,
        });
    });
  }

  test('of all pods, of some, in both versions', async () => {
    const { get } = served();
    const { items } = await get('namespaces/default/pods/*/requests');
    assert.deepEqual(
      items.map((item: any) => item.describedObject.name),
      ['a', 'b'],
    );
    const [only] = (
      await get('namespaces/default/pods/*/requests?labelSelector=app%3Db&metricLabelSelector=code%3D500')
    ).items;
    assert.deepEqual(only, {
      describedObject: { kind: 'Pod', namespace: 'default', name: 'b', apiVersion: '/v1' },
      metric: { name: 'requests', selector: { matchLabels: { code: '500' } } },
      timestamp: '2026-01-01T00:00:10Z',
      windowSeconds: 10,
      value: '100m',
    });
    const [old] = (await get('namespaces/default/pods/b/queue_depth', 'v1beta1')).items;
    assert.deepEqual([old.metricName, old.metric, old.windowSeconds], ['queue_depth', undefined, undefined]);
  });

  test('of what has none', async () => {
    const { get } = served();
    const paths = [
      'namespaces/default/services/x/requests',
      'namespaces/default/pods/silent/requests',
      'namespaces/default/pods/x/requests',
      'namespaces/default/pods',
      'nodes/x/requests',
    ];
    for (const path of paths) await assert.rejects(get(path), { code: 404 });
  });

  test('names that were seen are listed', () => {
    const [api] = served().apis;
    assert.deepEqual(
      api!.resources(),
      ['busy', 'queue_depth'].map((name) => ({
        name: `pods/${name}`,
        singularName: '',
        namespaced: true,
        kind: 'MetricValueList',
        verbs: ['get'],
      })),
    );
  });
});

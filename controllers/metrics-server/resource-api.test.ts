import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { ObjectCache } from '../../client/store.ts';
import { node } from '../../test/builders/node.ts';
import { pod } from '../../test/builders/pod.ts';
import { resourceApi } from './resource-api.ts';
import { type Measured, readNodeLook, usageBetween } from './resource-usage.ts';
import { type Asked, readParts } from './served-api.ts';

const startMs = Date.parse('2026-01-01T00:00:00Z');

describe('use between two looks', () => {
  const at = (seconds: number, cpuSeconds: number, startSeconds?: number): Measured => ({
    atMs: startMs + seconds * 1000,
    cpuSeconds,
    memoryBytes: 3 * 1024 * 1024,
    ...(startSeconds === undefined ? {} : { startMs: startMs + startSeconds * 1000 }),
  });
  const table: [name: string, before: Measured | undefined, last: Measured, cpu: string | undefined][] = [
    ['half a core', at(0, 10), at(10, 15), '500m'],
    ['a little', at(0, 10), at(15, 10.0001), '6667n'],
    ['nothing', at(0, 10), at(15, 10), '0'],
    ['no former look', undefined, at(15, 10), undefined],
    ['the same moment', at(5, 10), at(5, 10), undefined],
    ['less than before', at(0, 10), at(15, 9), undefined],
    ['since an earlier start', at(0, 10, -50), at(10, 15, -50), '500m'],
    ['began anew just now', at(0, 10, -50), at(10, 1, 5), undefined],
    ['began anew, long enough ago', at(0, 10, -50), at(15, 6, 3), '500m'],
    ['new, long enough ago', undefined, at(15, 6, 3), '500m'],
  ];
  for (const [name, before, last, cpu] of table) {
    test(name, () => assert.equal(usageBetween(before, last)?.usage.cpu, cpu));
  }
  test('memory in the largest unit that fits', () => {
    const memoryOf = (memoryBytes: number) => usageBetween(at(0, 1), { ...at(1, 1), memoryBytes })?.usage.memory;
    assert.deepEqual([3 * 1024 * 1024, 5 * 1024, 0, 1000].map(memoryOf), ['3Mi', '5Ki', '0', '1k']);
  });
});

const text = (atMs: number, cpu: number) => `# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total ${cpu * 4} ${atMs}
node_memory_working_set_bytes 2.097152e+06 ${atMs}
container_cpu_usage_seconds_total{container="c",namespace="default",pod="a"} ${cpu} ${atMs}
container_memory_working_set_bytes{container="c",namespace="default",pod="a"} 1024 ${atMs}
container_start_time_seconds{container="c",namespace="default",pod="a"} ${startMs / 1000 - 100}
container_cpu_usage_seconds_total{container="d",namespace="default",pod="a"} ${cpu} ${atMs}
container_memory_working_set_bytes{container="d",namespace="default",pod="a"} 1024 ${atMs}
container_cpu_usage_seconds_total{container="c",namespace="other",pod="b"} 1 ${atMs}
pod_cpu_usage_seconds_total{namespace="default",pod="a"} ${cpu} ${atMs}
resource_scrape_error 0
`;

function served() {
  const nodes = new ObjectCache<Node>();
  for (const name of ['n1', 'n2']) nodes.put(node(name));
  const pods = new ObjectCache<Pod>();
  pods.put(pod('a').on('n1').labels({ app: 'x' }).ready().build());
  pods.put(pod('b').on('n1').in('other').ready().build());
  pods.put(pod('c').on('n2').ready().build());
  pods.put(pod('d').build());
  const look = async (name: string) => {
    if (name !== 'n1') return undefined;
    const point = (seconds: number) => {
      const atMs = startMs + seconds * 1000;
      return { atMs, value: readNodeLook(text(atMs, seconds / 10)) };
    };
    return { before: point(0), last: point(15.5) };
  };
  const api = resourceApi({ nodes, pods, look, now: () => startMs });
  return (path: string, asTable = false): Promise<any> => {
    const url = new URL(path, 'http://x/');
    const asked: Asked = { ...readParts(url.pathname.slice(1).split('/')), query: url.searchParams, asTable };
    return api.answer(asked);
  };
}

const usage = (cpu: string, memory: string) => ({ cpu, memory });
const ofA = {
  metadata: { name: 'a', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app: 'x' } },
  timestamp: '2026-01-01T00:00:15Z',
  window: '15.5s',
  containers: [
    { name: 'c', usage: usage('100m', '1Ki') },
    { name: 'd', usage: usage('100m', '1Ki') },
  ],
};

describe('metrics.k8s.io', () => {
  test('nodes: those that answer', async () => {
    const list = await served()('nodes');
    assert.deepEqual([list.kind, list.apiVersion], ['NodeMetricsList', 'metrics.k8s.io/v1beta1']);
    const [only, ...others] = list.items;
    assert.deepEqual(others, []);
    assert.equal(only.metadata.name, 'n1');
    assert.deepEqual([only.window, only.usage], ['15.5s', usage('400m', '2Mi')]);
  });
  test('pods: those of which all containers are measured', async () => {
    const get = served();
    assert.deepEqual((await get('namespaces/default/pods')).items, [ofA]);
    assert.deepEqual((await get('pods')).items, [ofA]);
    assert.deepEqual((await get('namespaces/other/pods')).items, []);
  });
  test('selectors', async () => {
    const get = served();
    const count = async (query: string) => (await get(`pods?${query}`)).items.length;
    assert.deepEqual(
      await Promise.all(
        ['labelSelector=app%3Dx', 'labelSelector=app%3Dy', 'fieldSelector=metadata.name%3Db'].map(count),
      ),
      [1, 0, 0],
    );
    await assert.rejects(get('pods?labelSelector=%3D%3D'), { code: 400 });
  });
  test('one', async () => {
    const get = served();
    assert.deepEqual(await get('namespaces/default/pods/a'), {
      kind: 'PodMetrics',
      apiVersion: 'metrics.k8s.io/v1beta1',
      ...ofA,
    });
    const refusals: [path: string, message: string][] = [
      ['namespaces/default/pods/x', 'podmetrics.metrics.k8s.io "default/x" not found'],
      ['namespaces/default/pods/c', 'podmetrics.metrics.k8s.io "default/c" not found'],
      ['nodes/n2', 'nodemetrics.metrics.k8s.io "n2" not found'],
      ['services', 'the server could not find the requested resource'],
      ['namespaces/default/nodes', 'the server could not find the requested resource'],
      ['namespaces/default/pods/a/log', 'the server could not find the requested resource'],
    ];
    for (const [path, message] of refusals) await assert.rejects(get(path), { code: 404, message });
  });
  test('as a table', async () => {
    const { columnDefinitions, rows } = await served()('namespaces/default/pods', true);
    assert.deepEqual(
      columnDefinitions.map(({ name }: { name: string }) => name),
      ['Name', 'cpu', 'memory', 'Window'],
    );
    assert.deepEqual(
      rows.map(({ cells }: { cells: string[] }) => cells),
      [['a', '200m', '2Ki', '15.5s']],
    );
  });
});

// What nodes and pods use, and what is scaled by it, in a cluster as it comes: nothing is installed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

// Works until it is told to rest. So little is requested that any share of a busy machine is too much.
const work = 'trap "exit 0" TERM; while [ ! -e /tmp/rest ]; do :; done; sleep 100000 & wait';
const worker = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'worker' },
  spec: {
    selector: { matchLabels: { app: 'worker' } },
    template: {
      metadata: { labels: { app: 'worker' } },
      spec: {
        containers: [
          {
            name: 'work',
            image: 'busybox:1.36',
            command: ['sh', '-c', work],
            resources: { requests: { cpu: '10m' }, limits: { cpu: '200m' } },
          },
        ],
      },
    },
  },
};

/** A look comes every 15 seconds, and a machine may be slow. */
const scalingMs = 300_000;

/** Rows of a table without its head, by columns. */
const rowsOf = (table: string) =>
  table
    .trim()
    .split('\n')
    .map((row) => row.split(/ +/));

describe('autoscaling', { skip: needsRoot }, () => {
  let cluster: E2eCluster;
  before(async () => {
    cluster = await startCluster('autoscaling', ['busybox']);
    cluster.kubectl.get('wait', '--for=condition=Ready', `node/${cluster.node}`, '--timeout=240s');
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const statusOf = (name: string) => {
    const path = `/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/${name}`;
    return JSON.parse(cluster.kubectl.get('get', '--raw', path)).status;
  };
  /** What was said of an autoscaler's changes, in whatever order. */
  const changesOf = (name: string) =>
    eventually(`a change of ${name} is told`, () => {
      const { items } = cluster.kubectl.json('get', 'events');
      const messages = items
        .filter((one: any) => one.reason === 'SuccessfulRescale' && one.involvedObject.name === name)
        .map((one: any) => one.message);
      return messages.length > 0 ? (messages as string[]) : undefined;
    });

  /** Reads a deployment until it has so many replicas. */
  const replicas = (name: string, count: number) =>
    eventually(
      `${name} has ${count} replicas`,
      () => cluster.kubectl.json('get', 'deployment', name).spec.replicas === count || undefined,
      scalingMs,
    );

  test('top shows nodes, pods and containers', async () => {
    const { kubectl, node } = cluster;
    kubectl.apply(worker);
    kubectl.get('rollout', 'status', 'deployment/worker', '--timeout=240s');
    const used = await eventually('the pod is measured', () => {
      const rows = rowsOf(kubectl.get('top', 'pods', '--containers', '--no-headers'));
      return rows.find(([, container, cpu]) => container === 'work' && Number.parseInt(cpu ?? '', 10) > 0);
    });
    assert.match(used.join(' '), /^worker-\S+ work \d+m \d+Mi$/);
    const [[name, cpu, , memory]] = rowsOf(kubectl.get('top', 'nodes', '--no-headers')) as [string[]];
    assert.equal(name, node);
    assert.match(`${cpu} ${memory}`, /^[1-9]\d*m [1-9]\d*Mi$/);
  });

  test('a deployment grows with its work, and shrinks when that is done', async () => {
    const { kubectl } = cluster;
    kubectl.get('autoscale', 'deployment', 'worker', '--cpu-percent=50', '--min=1', '--max=2');
    await replicas('worker', 2);
    kubectl.get('rollout', 'status', 'deployment/worker', '--timeout=240s');
    const why = 'cpu resource utilization (percentage of request) above target';
    assert.deepEqual(await changesOf('worker'), [`New size: 2; reason: ${why}`]);
    const active = statusOf('worker').conditions.find(({ type }: { type: string }) => type === 'ScalingActive');
    assert.deepEqual([active.status, active.reason], ['True', 'ValidMetricFound']);
    const behavior = { scaleDown: { stabilizationWindowSeconds: 15 } };
    kubectl.get('patch', 'hpa', 'worker', '--type=merge', '-p', JSON.stringify({ spec: { behavior } }));
    for (const { metadata } of kubectl.json('get', 'pods', '-l', 'app=worker').items) {
      kubectl.get('exec', metadata.name, '--', 'touch', '/tmp/rest');
    }
    await replicas('worker', 1);
    await eventually('the end of it is told', async () => {
      return (await changesOf('worker')).includes('New size: 1; reason: All metrics below target') || undefined;
    });
    kubectl.get('delete', 'hpa,deployment', 'worker', '--grace-period=1');
  });

  test('the example grows with its visits', async () => {
    const { kubectl } = cluster;
    kubectl.get('apply', '-f', 'examples/autoscaling.yaml');
    kubectl.get('rollout', 'status', 'deployment/web', '--timeout=240s');
    const visit = 'while :; do wget -q -O /dev/null http://web:8080/cgi-bin/visit; done';
    kubectl.get('run', 'visitor', '--image=busybox:1.36', '--', 'sh', '-c', visit);
    const hasGrown = () => kubectl.json('get', 'deployment', 'web').spec.replicas > 1 || undefined;
    await eventually('it has grown', hasGrown, scalingMs);
    assert.equal(statusOf('web').currentMetrics[0].pods.metric.name, 'visits');
    assert.ok((await changesOf('web')).some((text) => text.endsWith('reason: pods metric visits above target')));
    const path = '/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/*/visits';
    const { items } = JSON.parse(kubectl.get('get', '--raw', path));
    assert.ok(items.every((item: any) => item.metricName === 'visits' && item.describedObject.kind === 'Pod'));
    kubectl.get('delete', 'pod', 'visitor', '--grace-period=1');
    await replicas('web', 1);
    kubectl.get('delete', '-f', 'examples/autoscaling.yaml', '--grace-period=1');
  });
});

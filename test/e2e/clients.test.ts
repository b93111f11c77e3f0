// The official JavaScript client, @kubernetes/client-node: typed calls, patches, watches, informers
// and streams against a real cluster.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import * as k8s from '@kubernetes/client-node';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const namespace = 'default';

/** A stream to write to, and what was written to it so far. */
function collector(): { stream: PassThrough; text(): string } {
  let text = '';
  const stream = new PassThrough();
  stream.on('data', (chunk) => {
    text += chunk;
  });
  return { stream, text: () => text };
}

describe('client-node', { skip: needsRoot }, () => {
  let cluster: E2eCluster;
  let config: k8s.KubeConfig;
  let core: k8s.CoreV1Api;
  let apps: k8s.AppsV1Api;
  before(async () => {
    cluster = await startCluster('clients', ['busybox']);
    config = new k8s.KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    core = config.makeApiClient(k8s.CoreV1Api);
    apps = config.makeApiClient(k8s.AppsV1Api);
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  test('typed calls, patches of every kind, and errors with their Status', async () => {
    const body = { metadata: { name: 'settings' }, data: { a: '1' } };
    const made = await core.createNamespacedConfigMap({ namespace, body });
    assert.ok(made.metadata?.creationTimestamp instanceof Date);
    const patches: [k8s.PatchStrategy, unknown][] = [
      [k8s.PatchStrategy.JsonPatch, [{ op: 'add', path: '/data/b', value: '2' }]],
      [k8s.PatchStrategy.MergePatch, { data: { c: '3' } }],
      [k8s.PatchStrategy.StrategicMergePatch, { data: { a: null } }],
    ];
    for (const [strategy, patch] of patches) {
      const options = k8s.setHeaderOptions('Content-Type', strategy);
      await core.patchNamespacedConfigMap({ name: 'settings', namespace, body: patch }, options);
    }
    const { data } = await core.readNamespacedConfigMap({ name: 'settings', namespace });
    assert.deepEqual(data, { b: '2', c: '3' });
    await assert.rejects(core.createNamespacedConfigMap({ namespace, body }), (err: k8s.ApiException<string>) => {
      assert.deepEqual([err.code, JSON.parse(err.body).reason], [409, 'AlreadyExists']);
      return true;
    });
    const { status } = await core.deleteNamespacedConfigMap({ name: 'settings', namespace });
    assert.equal(status, 'Success');
  });

  test('an informer sees a Deployment become available and go', { timeout: 1_800_000 }, async () => {
    const seen: string[] = [];
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const informer = k8s.makeInformer(config, path, () => apps.listNamespacedDeployment({ namespace }));
    for (const event of ['add', 'update', 'delete'] as const) {
      informer.on(event, ({ status }) => void seen.push(`${event} ${status?.availableReplicas ?? 0}`));
    }
    await informer.start();
    const labels = { app: 'web' };
    const container = { name: 'c', image: 'busybox:1.36', command: ['sh', '-c', 'echo started; exec sleep 3600'] };
    const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } };
    const spec = { replicas: 2, selector: { matchLabels: labels }, template };
    await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'web' }, spec } });
    await eventually('two available', () => seen.includes('update 2') || undefined);
    const [pod] = (await core.listNamespacedPod({ namespace, labelSelector: 'app=web' })).items;
    await streams(pod!.metadata!.name!);
    await apps.deleteNamespacedDeployment({ name: 'web', namespace, propagationPolicy: 'Foreground' });
    await eventually('its end', () => seen.some((event) => event.startsWith('delete')) || undefined);
    await informer.stop();
    assert.equal(seen[0], 'add 0');
  });

  async function streams(pod: string): Promise<void> {
    const [stdout, stderr, log] = [collector(), collector(), collector()];
    const command = ['sh', '-c', 'read line; echo "got $line"; echo oops >&2; exit 4'];
    const stdin = new PassThrough();
    stdin.write('input\n');
    const status = await new Promise<k8s.V1Status>((resolve, reject) => {
      new k8s.Exec(config)
        .exec(namespace, pod, 'c', command, stdout.stream, stderr.stream, stdin, false, resolve)
        .catch(reject);
    });
    assert.deepEqual([stdout.text(), stderr.text(), status.reason], ['got input\n', 'oops\n', 'NonZeroExitCode']);
    await new k8s.Log(config).log(namespace, pod, 'c', log.stream, { tailLines: 1 });
    await once(log.stream, 'end');
    assert.equal(log.text(), 'started\n');
    await forward(pod);
  }

  /** Its port-forward speaks the channel protocol, not the tunnel of kubectl. */
  async function forward(pod: string): Promise<void> {
    const exec = collector();
    const listen = ['sh', '-c', 'echo ready; echo pong | nc -l -p 7000'];
    await new k8s.Exec(config).exec(namespace, pod, 'c', listen, exec.stream, null, null, false);
    await eventually('a listener', () => exec.text().includes('ready') || undefined);
    const forwarder = new k8s.PortForward(config);
    const server = createServer((socket: Socket) => {
      void forwarder.portForward(namespace, pod, [7000], socket, null, socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    const [answer] = await once(client, 'data');
    assert.equal(String(answer), 'pong\n');
    client.destroy();
    server.close();
  }
});

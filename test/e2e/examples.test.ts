// The examples, as a user runs them: through kubectl, with real containers.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

/** GET from the host. */
function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request(url, { timeout: 120_000, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk) => (text += chunk));
      res.on('end', () => (res.statusCode === 200 ? resolve(text) : reject(new Error(`${res.statusCode}: ${text}`))));
    });
    req.on('timeout', () => req.destroy(new Error(`no answer from ${url}`)));
    req.on('error', reject);
    req.end();
  });
}

/** A process 1 that ends when it is told to; sleep alone does not. */
const untilTerm = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'];

describe('examples', { skip: needsRoot }, () => {
  let cluster: E2eCluster;
  before(async () => {
    cluster = await startCluster('examples', ['busybox', 'nginx', 'redis']);
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  test('nginx-deployment: created, exposed, scaled, rolled out, undone', async () => {
    const { kubectl, node } = cluster;
    kubectl.get('wait', '--for=condition=Ready', `node/${node}`, '--timeout=600s');
    kubectl.get('create', '-f', 'examples/nginx-deployment.yaml');
    kubectl.get('rollout', 'status', 'deployment/nginx-deployment', '--timeout=600s');
    const rows = kubectl.get('get', 'deploy,rs,pods', '-o', 'wide', '--no-headers').trim().split('\n');
    assert.match(rows.find((r) => r.startsWith('deployment.apps/'))!, /2\/2 +2 +2 /);
    const pods = kubectl.json('get', 'pods', '-l', 'app=nginx').items;
    assert.equal(pods.length, 2);
    for (const { status } of pods) assert.match(await fetchText(`http://${status.podIP}/`), /Welcome to nginx/);

    kubectl.get('expose', 'deployment', 'nginx-deployment', '--port', '80');
    const { clusterIP } = kubectl.json('get', 'service', 'nginx-deployment').spec;
    assert.match(
      await eventually('the ClusterIP answers', () => fetchText(`http://${clusterIP}/`)),
      /Welcome to nginx/,
    );
    kubectl.get('run', 'client', '--image=busybox:1.36', '--restart=Never', '--command', '--', 'sleep', '3600');
    kubectl.get('wait', '--for=condition=Ready', 'pod/client', '--timeout=600s');
    assert.match(
      kubectl.get('exec', 'client', '--', 'wget', '-q', '-O', '-', 'http://nginx-deployment/'),
      /Welcome to nginx/,
    );

    kubectl.get('scale', 'deployment/nginx-deployment', '--replicas=3');
    kubectl.get('rollout', 'status', 'deployment/nginx-deployment', '--timeout=600s');
    kubectl.get('set', 'image', 'deployment/nginx-deployment', 'nginx=busybox:1.36');
    kubectl.get(
      'patch',
      'deployment',
      'nginx-deployment',
      '-p',
      JSON.stringify({ spec: { template: { spec: { containers: [{ name: 'nginx', command: untilTerm }] } } } }),
    );
    kubectl.get('rollout', 'status', 'deployment/nginx-deployment', '--timeout=600s');
    kubectl.get('rollout', 'undo', 'deployment/nginx-deployment', '--to-revision=1');
    kubectl.get('rollout', 'status', 'deployment/nginx-deployment', '--timeout=600s');
    const images = kubectl
      .json('get', 'deployment', 'nginx-deployment')
      .spec.template.spec.containers.map((c: any) => c.image);
    assert.deepEqual(images, ['nginx:1.7.9']);
    assert.match(kubectl.get('describe', 'deployment', 'nginx-deployment'), /ScalingReplicaSet/);
    kubectl.get('delete', 'deployment,service', 'nginx-deployment');
    kubectl.get('delete', 'pod', 'client', '--grace-period=1');
    await eventually('the pods are gone', () => kubectl.json('get', 'pods').items.length === 0 || undefined);
  });

  test('guestbook: two tiers find each other, with credentials from a Secret', async () => {
    const { kubectl } = cluster;
    kubectl.get('apply', '-f', 'examples/guestbook.yaml');
    for (const name of ['redis', 'web']) kubectl.get('rollout', 'status', `deployment/${name}`, '--timeout=600s');
    const { clusterIP } = kubectl.json('get', 'service', 'web').spec;
    const visit = () => fetchText(`http://${clusterIP}:8080/cgi-bin/visits`);
    await eventually('the first visit is counted', async () => /visits: \d+/.test(await visit()) || undefined);
    const [, first] = /visits: (\d+)/.exec(await visit())!;
    const [, second] = /visits: (\d+)/.exec(await visit())!;
    assert.equal(Number(second), Number(first) + 1);
    kubectl.get('delete', '-f', 'examples/guestbook.yaml', '--grace-period=1');
  });

  test('job: runs to completion, its logs are kept', async () => {
    const { kubectl } = cluster;
    kubectl.get('create', '-f', 'examples/job.yaml');
    kubectl.get('wait', '--for=condition=Complete', 'job/count', '--timeout=600s');
    assert.equal(kubectl.json('get', 'job', 'count').status.succeeded, 3);
    const [pod] = kubectl.json('get', 'pods', '-l', 'job-name=count').items;
    assert.equal(kubectl.get('logs', pod.metadata.name), '1\n2\n3\n');
    kubectl.get('delete', 'job', 'count');
  });

  test('daemonset: a pod on the node', async () => {
    const { kubectl, node } = cluster;
    kubectl.get('create', '-f', 'examples/daemonset.yaml');
    kubectl.get('rollout', 'status', 'daemonset/load-reporter', '--timeout=600s');
    const [pod] = kubectl.json('get', 'pods', '-l', 'app=load-reporter').items;
    assert.equal(pod.spec.nodeName, node);
    await eventually('it reports', () => kubectl.get('logs', pod.metadata.name).includes(`${node}:`) || undefined);
    kubectl.get('delete', 'daemonset', 'load-reporter');
  });

  test('two-containers: one network, one volume', async () => {
    const { kubectl } = cluster;
    kubectl.get('create', '-f', 'examples/two-containers.yaml');
    kubectl.get('wait', '--for=condition=Ready', 'pod/two-containers', '--timeout=600s');
    await eventually(
      'the page arrives',
      () =>
        kubectl.get('logs', 'two-containers', '-c', 'writer').includes('written by the other container') || undefined,
    );
    kubectl.get('delete', 'pod', 'two-containers', '--grace-period=1');
  });
});

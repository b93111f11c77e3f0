// How pods end that nobody asked politely: before they began, over their share of the disk, in
// order, on a node as `k8ts up` boots it.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { image, isReady, upWithBusybox } from './busybox-cluster.ts';

const idle = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
/** Eviction looks every ten seconds. */
const evictionMs = 60_000;

describe('the end of pods on a node', { skip: needsRoot }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  before(async () => {
    cluster = testCluster('pod-end');
    kubectl = await upWithBusybox(cluster);
  });
  after(() => cluster?.[Symbol.dispose]());

  const node = () => `${cluster.name}-control-plane`;
  const run = (command: string, more: object = {}) => ({ name: 'c', image, command: ['sh', '-c', command], ...more });
  const create = (name: string, spec: object, metadata: object = {}) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ...metadata },
      spec: { nodeName: node(), automountServiceAccountToken: false, ...spec },
    });
  const podOf = (name: string) => kubectl.json('get', 'pod', name);
  const until = (name: string, isSo: (pod: any) => boolean, timeoutMs = 30_000) =>
    eventually(
      name,
      () => {
        const pod = podOf(name);
        return isSo(pod) ? pod : undefined;
      },
      timeoutMs,
    );
  const eventsOf = (name: string, reason: string): string[] =>
    kubectl
      .json('get', 'events', '--field-selector', `involvedObject.name=${name},reason=${reason}`)
      .items.map((e: any) => e.message);

  test('a pod that is deleted before its container ever started has failed, while a finalizer holds it', async () => {
    const containers = [{ name: 'c', image: 'example.invalid/none:1' }];
    create('never', { restartPolicy: 'Never', containers }, { finalizers: ['example.com/keep'] });
    await until('never', ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason !== 'ContainerCreating');
    kubectl.get('delete', 'pod', 'never', '--wait=false');
    const { status } = await until('never', (pod) => pod.status.phase === 'Failed');
    assert.deepEqual(status.containerStatuses[0].state, {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
        startedAt: null,
        finishedAt: null,
      },
    });
    kubectl.get('patch', 'pod', 'never', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await eventually('it is gone', () => kubectl.run(['get', 'pod', 'never']).code !== 0 || undefined);
  });

  test('a job whose pods cannot start fails at its deadline, also when only failed pods are replaced', async () => {
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'example.invalid/none:1' }] } };
    const spec = { activeDeadlineSeconds: 2, podReplacementPolicy: 'Failed', template };
    kubectl.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'stuck' }, spec });
    await eventually('the job is failed', () => {
      const { conditions = [] } = kubectl.json('get', 'job', 'stuck').status;
      return conditions.some((c: any) => c.type === 'Failed' && c.reason === 'DeadlineExceeded') || undefined;
    });
  });

  test('a sidecar drains at once, and ends after the container proper', async () => {
    const log = (word: string) => `echo ${word} >> /v/log`;
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', log('drain')] } } };
    const sidecar = run(`trap "${log('sidecar-term')}; exit 0" TERM; while :; do sleep 0.1; done`, {
      ...{ name: 's', restartPolicy: 'Always', lifecycle, volumeMounts },
    });
    const main = run(`trap "sleep 2; ${log('main-end')}; exit 0" TERM; while :; do sleep 0.1; done`, { volumeMounts });
    // On the node, so that it can be read when the pod is gone.
    const volumes = [{ name: 'v', hostPath: { path: '/var/lib/order', type: 'DirectoryOrCreate' } }];
    create('ordered', { containers: [main], initContainers: [sidecar], volumes });
    await until('ordered', isReady);
    kubectl.get('delete', 'pod', 'ordered');
    create('reader', { containers: [run('cat /v/log', { volumeMounts })], volumes, restartPolicy: 'Never' });
    await until('reader', (pod) => pod.status.phase === 'Succeeded');
    assert.equal(kubectl.get('logs', 'reader'), 'drain\nmain-end\nsidecar-term\n');
    assert.equal(eventsOf('ordered', 'Killing').length, 2);
  });

  test('pods that take more of the disk than they may are evicted', async () => {
    const fill = (path: string) => `dd if=/dev/zero of=${path} bs=1M count=3 2>/dev/null; ${idle}`;
    const volumes = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
    const resources = { limits: { 'ephemeral-storage': '2Mi' } };
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    create('volume', { containers: [run(fill('/v/big'), { volumeMounts })], volumes });
    create('layer', { containers: [run(fill('/big'), { resources })] });
    const other = { ...run(idle, { resources }), name: 'd' };
    create('logs', { containers: [run(`seq 1 60000; ${idle}`, { resources }), other] });
    create('within', { containers: [run(`dd if=/dev/zero of=/some bs=1M count=1; ${idle}`, { resources })] });
    const want = {
      volume: 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
      layer: 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
      logs: 'Container c exceeded its local ephemeral storage limit "2Mi". ',
    };
    for (const [name, message] of Object.entries(want)) {
      const { status } = await until(name, (pod) => pod.status.phase === 'Failed', evictionMs);
      assert.deepEqual([status.reason, status.message], ['Evicted', message]);
      assert.ok(status.containerStatuses.every((c: any) => c.state.terminated));
      assert.deepEqual(eventsOf(name, 'Evicted'), [message]);
    }
    assert.ok(isReady(podOf('within')));
    const metrics = kubectl.get('get', '--raw', `/api/v1/nodes/${node()}/proxy/metrics`);
    assert.match(metrics, /^kubelet_evictions\{eviction_signal="emptydirfs.limit"\} 1$/m);
  });

  test('a flood leaves compressed logs, and what may stay uncompressed is small', async () => {
    create('flood', { containers: [run(`yes 0123456789 | head -n 15000000; touch /over; ${idle}`)] });
    await until('flood', isReady);
    const isOver = () => kubectl.run(['exec', 'flood', '--', 'test', '-f', '/over']).code === 0 || undefined;
    await eventually('it is over', isOver, 120_000);
    const { metadata } = podOf('flood');
    const dir = `/var/lib/k8ts/${cluster.name}/nodes/${node()}/var/log/pods/default_flood_${metadata.uid}/c`;
    await eventually('tidied up', () => {
      const names = readdirSync(dir).sort();
      const rotated = names.filter((name) => name.startsWith('0.log.'));
      return (rotated.length > 1 && rotated.slice(0, -1).every((name) => name.endsWith('.gz'))) || undefined;
    });
    const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
    // 15,000,000 lines of 11 bytes are 850 MB with their times.
    assert.ok(bytes < 500e6, `${bytes}`);
  });

  test('an emptyDir in memory with a group is sticky, and passes the group on', async () => {
    const volumeMounts = ['m', 'd'].map((name) => ({ name, mountPath: `/${name}` }));
    const volumes = [
      { name: 'm', emptyDir: { medium: 'Memory' } },
      { name: 'd', emptyDir: {} },
    ];
    const securityContext = { fsGroup: 2000 };
    const containers = [run('stat -c "%a %g" /m /d', { volumeMounts })];
    create('modes', { containers, volumes, securityContext, restartPolicy: 'Never' });
    await until('modes', (pod) => pod.status.phase === 'Succeeded');
    assert.equal(kubectl.get('logs', 'modes'), '3777 2000\n2777 2000\n');
  });
});

// Pods on a real node: etcd, API server, runtime and kubelet as `k8ts up` boots them. Pods are
// bound by hand, so no scheduler is asked.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { image, isReady, upWithBusybox } from './busybox-cluster.ts';

const sleeper = 'trap "exit 0" TERM; while :; do sleep 0.2; done';

describe('pods on a node', { skip: needsRoot }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  before(async () => {
    cluster = testCluster('kubelet');
    kubectl = await upWithBusybox(cluster);
  });

  after(() => cluster?.[Symbol.dispose]());

  const nodeVar = () => `/var/lib/k8ts/${cluster.name}/nodes/${cluster.name}-control-plane/var`;
  const container = (command: string, more: object = {}) => ({
    name: 'c',
    image,
    command: ['sh', '-c', command],
    ...more,
  });
  const create = (name: string, containers: object[], spec: object = {}) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: `${cluster.name}-control-plane`,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers,
        ...spec,
      },
    });
  const podOf = (name: string) => kubectl.json('get', 'pod', name);
  const ready = (name: string) =>
    eventually(`${name} is ready`, () => {
      const pod = podOf(name);
      return isReady(pod) ? pod : undefined;
    });
  const eventsOf = (name: string) =>
    kubectl
      .json('get', 'events', '--field-selector', `involvedObject.name=${name}`)
      .items.map((e: any) => `${e.reason}: ${e.message}`) as string[];

  test('after an exit code that is to do so all containers begin anew, with variables out of a file', async () => {
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
    const exitCodes = { operator: 'In', values: [42] };
    const fileKeyRef = { volumeName: 'v', path: 'env', key: 'WORD' };
    const bystander = container(`[ "$WORD" = it ] || exit 1; ${sleeper}`, {
      env: [{ name: 'WORD', valueFrom: { fileKeyRef } }],
      // Nobody waits for it.
      lifecycle: { preStop: { sleep: { seconds: 60 } } },
    });
    const cause = container(`[ -e /v/again ] || { touch /v/again; exit 42; }; ${sleeper}`, {
      name: 'cause',
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes }],
      ...mount,
    });
    const init = container(`echo "WORD='it'" >/v/env`, { name: 'init', ...mount });
    create('anew', [bystander, cause], {
      restartPolicy: 'Never',
      initContainers: [init],
      volumes: [{ name: 'v', emptyDir: {} }],
      terminationGracePeriodSeconds: 60,
    });
    const { status } = await eventually('all have begun anew', () => {
      const pod = podOf('anew');
      return isReady(pod) && pod.status.containerStatuses[0].restartCount > 0 ? pod : undefined;
    });
    const all = [...status.initContainerStatuses, ...status.containerStatuses];
    for (const { restartCount, lastState } of all)
      assert.deepEqual([restartCount, lastState.terminated?.reason], [1, 'RestartingAllContainers']);
    const { status: restarting } = status.conditions.find((c: any) => c.type === 'AllContainersRestarting');
    assert.equal(restarting, 'False');
    kubectl.run(['delete', 'pod', 'anew', '--grace-period=1']);
  });

  test('a pod mounts an image as a volume, and says which one is missing', async () => {
    const mounted = (reference: string, pullPolicy?: string) => ({
      volumes: [{ name: 'files', image: { reference, pullPolicy } }],
    });
    const volumeMounts = [
      { name: 'files', mountPath: '/files' },
      { name: 'files', mountPath: '/part', subPath: 'bin' },
    ];
    create('image-volume', [container(sleeper, { volumeMounts })], mounted(image));
    await ready('image-volume');
    const inside = (command: string) => kubectl.run(['exec', 'image-volume', '--', 'sh', '-c', command]);
    assert.equal(inside('ls /files/bin/busybox /part/busybox').stdout, '/files/bin/busybox\n/part/busybox\n');
    assert.match(inside('touch /files/x').stderr, /Read-only file system/);
    const absent = 'registry.example/absent:1';
    create('no-image-volume', [container(sleeper, { volumeMounts })], mounted(absent, 'Never'));
    const waiting = await eventually('the reason', () => {
      return podOf('no-image-volume').status.containerStatuses?.[0].state.waiting?.reason === 'ErrImageNeverPull'
        ? podOf('no-image-volume').status.containerStatuses[0].state.waiting
        : undefined;
    });
    assert.equal(waiting.message, `Container image "${absent}" is not present with pull policy of Never`);
    kubectl.get('delete', 'pod', 'image-volume', 'no-image-volume');
  });

  test('a pod runs, becomes ready, and its log and its streams are served', async () => {
    create('plain', [container(`echo hello; ${sleeper}`)], { hostname: 'my-host', subdomain: 'sub' });
    const pod = await ready('plain');
    assert.match(pod.status.containerStatuses[0].containerID, /^k8ts:\/\/[0-9a-f]{64}$/);
    assert.equal(pod.status.phase, 'Running');
    assert.equal(kubectl.get('logs', 'plain'), 'hello\n');
    const [id] = /[0-9a-f]{64}/.exec(pod.status.containerStatuses[0].containerID)!;
    const logs = `/var/log/pods/default_plain_${pod.metadata.uid}/c/0.log`;
    assert.equal(readlinkSync(join(nodeVar(), `log/containers/plain_default_c-${id}.log`)), logs);
    assert.match(
      kubectl.get('exec', 'plain', '--', 'cat', '/etc/hosts'),
      new RegExp(`^${pod.status.podIP}\tmy-host.sub.default.svc.cluster.local\tmy-host$`, 'm'),
    );
    assert.match(
      kubectl.get('exec', 'plain', '--', 'cat', '/etc/resolv.conf'),
      /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/,
    );
    assert.equal(kubectl.run(['exec', 'plain', '--', 'sh', '-c', 'exit 7']).code, 7);
    assert.deepEqual(
      (await eventually('events', () => (eventsOf('plain').length >= 3 ? eventsOf('plain') : undefined))).sort(),
      [
        'Created: Container created',
        `Pulled: Container image "${image}" already present on machine and can be accessed by the pod`,
        'Started: Container started',
      ],
    );
    assert.match(
      kubectl.run(['logs', 'plain', '--previous']).stderr,
      /previous terminated container "c" in pod "plain" not found/,
    );
  });

  test('a container that ends is started again, later each time', async () => {
    create('crash', [container('echo ended > /dev/termination-log; exit 3')]);
    const pod = await eventually('back-off', () => {
      const found = podOf('crash');
      return found.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff' ? found : undefined;
    });
    const [status] = pod.status.containerStatuses;
    assert.equal(status.restartCount, 1, 'the first restart is at once');
    assert.match(status.state.waiting.message, /^back-off 10s restarting failed container=c pod=crash_default/);
    assert.equal(status.lastState.terminated.exitCode, 3);
    assert.equal(status.lastState.terminated.message, 'ended\n');
    // Those that are kept, and no more.
    const links = () => readdirSync(join(nodeVar(), 'log/containers')).filter((name) => name.startsWith('crash_'));
    assert.ok(links().length <= 2, links().join());
    assert.equal(kubectl.run(['delete', 'pod', 'crash']).code, 0);
    assert.deepEqual(links(), []);
  });

  test('readiness follows its probe, and liveness ends a container', async () => {
    const probes = {
      readinessProbe: { exec: { command: ['test', '-f', '/tmp/ready'] }, periodSeconds: 1 },
      livenessProbe: { exec: { command: ['test', '!', '-f', '/tmp/sick'] }, periodSeconds: 1, failureThreshold: 1 },
    };
    create('probed', [container(sleeper, probes)]);
    await eventually(
      'an Unhealthy event',
      () => eventsOf('probed').some((e) => e === 'Unhealthy: Readiness probe failed: ') || undefined,
    );
    assert.ok(!isReady(podOf('probed')));
    kubectl.get('exec', 'probed', '--', 'touch', '/tmp/ready');
    await ready('probed');
    kubectl.get('exec', 'probed', '--', 'touch', '/tmp/sick');
    const pod = await eventually('a restart', () => {
      const found = podOf('probed');
      return found.status.containerStatuses[0].restartCount === 1 ? found : undefined;
    });
    assert.equal(pod.status.containerStatuses[0].lastState.terminated.exitCode, 0);
    assert.ok(eventsOf('probed').includes('Killing: Container c failed liveness probe, will be restarted'));
  });

  test('volumes hold what the API has, and follow it', async () => {
    const config = (text: string) =>
      kubectl.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' }, data: { key: text } });
    config('one');
    kubectl.get('create', 'secret', 'generic', 'credentials', '--from-literal=password=word');
    const mounts = {
      env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'credentials', key: 'password' } } }],
      volumeMounts: [
        { name: 'config', mountPath: '/config' },
        { name: 'config', mountPath: '/one-file', subPath: 'key' },
        { name: 'scratch', mountPath: '/scratch' },
        { name: 'credentials', mountPath: '/credentials' },
      ],
    };
    create('mounts', [container(sleeper, mounts)], {
      volumes: [
        { name: 'config', configMap: { name: 'config' } },
        { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'credentials', secret: { secretName: 'credentials', defaultMode: 0o400 } },
      ],
    });
    await ready('mounts');
    const inside = (command: string) => kubectl.run(['exec', 'mounts', '--', 'sh', '-c', command]);
    assert.equal(
      inside('cat /config/key /one-file; echo $PASSWORD; cat /credentials/password').stdout,
      'oneoneword\nword',
    );
    assert.notEqual(inside('echo x > /config/key').code, 0, 'the API owns it');
    assert.notEqual(inside('dd if=/dev/zero of=/scratch/big bs=1M count=2').code, 0, 'the size is limited');
    config('two');
    await eventually('the change arrives', () => inside('cat /config/key').stdout === 'two' || undefined, 5_000);
  });

  test('a missing source is told, and the pod starts when it comes', async () => {
    create('waits', [container(sleeper, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })], {
      volumes: [{ name: 'v', configMap: { name: 'late' } }],
    });
    const told = 'FailedMount: MountVolume.SetUp failed for volume "v" : configmap "late" not found';
    await eventually('an event', () => eventsOf('waits').includes(told) || undefined);
    kubectl.get('create', 'configmap', 'late', '--from-literal=a=1');
    await ready('waits');
  });

  test('a deleted pod runs preStop, ends, and leaves nothing on the node', async () => {
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo bye > /proc/1/fd/1; sleep 0.5'] } } };
    create('leaves', [container(sleeper, { lifecycle })], { terminationGracePeriodSeconds: 10 });
    const { metadata, status } = await ready('leaves');
    const log = kubectl.start(['logs', '-f', 'leaves']);
    let output = '';
    log.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    assert.equal(kubectl.run(['delete', 'pod', 'leaves']).code, 0);
    await eventually('the followed log ends', () => log.exitCode !== null || undefined);
    assert.equal(output, 'bye\n');
    assert.ok(!existsSync(join(nodeVar(), 'lib/kubelet/pods', metadata.uid)));
    assert.ok(!readdirSync(join(nodeVar(), 'log/pods')).some((name) => name.includes(metadata.uid)));
    assert.ok(!readdirSync(join(nodeVar(), 'log/containers')).some((name) => name.startsWith('leaves_')));
    const id = status.containerStatuses[0].containerID.replace('k8ts://', '');
    assert.ok(!existsSync(join(nodeVar(), 'lib/k8ts-runtime/containers', id)));
  });

  test('a pod whose sandbox has ended gets another, after its containers have ended in order', async () => {
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo bye > /proc/1/fd/1'] } } };
    create('sandboxed', [container(sleeper, { lifecycle })], { terminationGracePeriodSeconds: 10 });
    const { metadata, status } = await ready('sandboxed');
    const id = status.containerStatuses[0].containerID.replace('k8ts://', '');
    const log = kubectl.start(['logs', '-f', 'sandboxed']);
    let output = '';
    log.stdout!.on('data', (chunk) => {
      output += chunk;
    });
    const groups = spawnSync('find', ['/sys/fs/cgroup', '-path', `*pod${metadata.uid}/*/cgroup.procs`]);
    const [pause] = groups.stdout
      .toString()
      .split('\n')
      .filter((file) => file !== '' && !file.includes(id))
      .flatMap((file) => readFileSync(file, 'utf8').split('\n'));
    process.kill(Number(pause), 'SIGKILL');
    await eventually('the followed log ends', () => log.exitCode !== null || undefined);
    assert.equal(output, 'bye\n');
    await eventually('the container runs again', () => {
      const [again] = podOf('sandboxed').status.containerStatuses;
      return (again.ready && again.restartCount === 1 && !again.containerID.includes(id)) || undefined;
    });
    const told = eventsOf('sandboxed').filter((event) => /^(SandboxChanged|Killing)/.test(event));
    assert.deepEqual(told.sort(), [
      'Killing: Stopping container c',
      'SandboxChanged: Pod sandbox changed, it will be killed and re-created.',
    ]);
  });

  test('a killed kubelet finds everything again, and ends what was deleted meanwhile', async () => {
    create('stays', [container(sleeper)]);
    create('goes', [container(sleeper)]);
    const [stays, goes] = [await ready('stays'), await ready('goes')];
    const before = cluster.pidOf('kubelet');
    process.kill(before, 'SIGKILL');
    assert.equal(kubectl.run(['delete', 'pod', 'goes', '--force', '--grace-period=0']).code, 0);
    await eventually('another kubelet', () => {
      const pid = cluster.pidOf('kubelet');
      return (pid !== before && existsSync(`/proc/${pid}`)) || undefined;
    });
    const folder = join(nodeVar(), 'lib/kubelet/pods', goes.metadata.uid);
    await eventually('the orphan is gone', () => !existsSync(folder) || undefined);
    create('fresh', [container(sleeper)]);
    await ready('fresh');
    const again = podOf('stays');
    assert.deepEqual(again.status.containerStatuses, stays.status.containerStatuses);
    assert.equal(again.metadata.resourceVersion, stays.metadata.resourceVersion, 'nothing was written');
  });

  test('strangers are refused by the server of the kubelet', async () => {
    const address = kubectl.json('get', 'node', `${cluster.name}-control-plane`).status.addresses[0].address;
    const options = { host: address, port: 10250, path: '/pods', rejectUnauthorized: false, agent: false };
    const [answer] = (await once(get(options), 'response')) as [IncomingMessage];
    answer.resume();
    assert.equal(answer.statusCode, 401);
    const pods = JSON.parse(kubectl.get('get', '--raw', `/api/v1/nodes/${cluster.name}-control-plane/proxy/pods`));
    assert.ok(pods.items.length > 0);
    assert.match(
      kubectl.get('get', '--raw', `/api/v1/nodes/${cluster.name}-control-plane/proxy/metrics`),
      /^kubelet_running_pods [1-9]/m,
    );
    const read = (path: string) =>
      kubectl.get('get', '--raw', `/api/v1/nodes/${cluster.name}-control-plane/proxy/${path}`);
    assert.match(
      read('metrics/resource'),
      /^container_memory_working_set_bytes\{container="c",namespace="default",pod="stays"\} \d{4,} \d{13}$/m,
    );
    assert.match(read('metrics/resource'), /^node_cpu_usage_seconds_total [\d.]+ \d{13}$/m);
    assert.match(read('metrics/probes'), /^prober_probe_total\{container="c",.*result="successful"\} \d+$/m);
    assert.equal(read('healthz?verbose'), '[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n');
    assert.match(read('logs/'), /<a href="pods\/">/);
    const { node, pods: measured } = JSON.parse(read('stats/summary'));
    assert.deepEqual([node.systemContainers[0].name, node.network.name], ['pods', 'eth0']);
    const [container] = measured.find(({ podRef }: any) => podRef.name === 'stays').containers;
    for (const part of ['rootfs', 'logs'])
      assert.ok(container[part].usedBytes >= 0 && container[part].capacityBytes > 0, part);
    assert.match(read('statusz'), /^\nkubelet statusz\n/);
    assert.match(read('flagz'), /^node-name: .+-control-plane$/m);
    assert.equal(JSON.parse(read('configz')).kubeletconfig.clusterDomain, 'cluster.local');
  });

  test('the kubelet has logged no error', () => {
    const log = readFileSync(`/var/lib/k8ts/${cluster.name}/logs/kubelet.log`, 'utf8');
    assert.deepEqual(
      log.split('\n').filter((line) => line.includes('"level":"error"')),
      [],
    );
  });
});

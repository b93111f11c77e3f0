// Pods in a user namespace of their own (`hostUsers: false`), on a real node through kubectl: what they see, what the node
// sees of them, every kind of volume and of access, kills of kubelet and runtime, and that nothing is left.
import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl, needsNewKubectl } from '../../environment/kubectl.ts';
import { type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { missingForUserNamespaces } from '../runtime/test-node.ts';
import { image, isReady, upWithBusybox } from './busybox-cluster.ts';

describe('pods in a user namespace of their own', { skip: missingForUserNamespaces() ?? needsNewKubectl }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  before(async () => {
    cluster = testCluster('userns');
    kubectl = await upWithBusybox(cluster);
  });
  after(() => cluster?.[Symbol.dispose]());

  const sleeper = (more: object = {}) => ({ name: 'c', image, command: ['sleep', '3600'], ...more });
  const create = (name: string, spec: object) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name } },
      spec: { hostUsers: false, terminationGracePeriodSeconds: 1, ...spec },
    });
  const ready = (name: string) =>
    eventually(`${name} is ready`, () => {
      const pod: any = kubectl.json('get', 'pod', name);
      return isReady(pod) ? pod : undefined;
    });
  const exec = (name: string, script: string, container = 'c') =>
    kubectl.get('exec', name, '-c', container, '--', 'sh', '-c', `exec 2>&1; ${script}`).trim();
  /** A path of the node, from outside. */
  const ofNode = (path: string) => `/proc/${cluster.pidOf('runtime')}/root${path}`;
  const ownersOf = (path: string) => {
    const { uid, gid } = statSync(ofNode(path));
    return [uid, gid];
  };
  /** First id and number of ids of a pod's users on the node. */
  const rangeOf = (name: string) => {
    const [inside, first, count] = exec(name, 'cat /proc/self/uid_map').split(/\s+/).map(Number);
    assert.deepEqual([inside, count], [0, 65_536]);
    return first!;
  };
  /** The ids of the node that a process has, found by a word of its command line. */
  const uidsOf = (word: string) =>
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        try {
          if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word)) return [];
          return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
        } catch {
          return []; // it has ended
        }
      });

  test('the node says that it has them', () => {
    const node: any = kubectl.json('get', 'node', `${cluster.name}-control-plane`);
    for (const { features } of node.status.runtimeHandlers) assert.equal(features.userNamespaces, true);
  });

  test('root inside is an id of its own on the node, and no two pods share one', async () => {
    for (const [i, name] of ['one', 'two'].entries())
      create(name, { containers: [sleeper({ command: ['sleep', `3601.${i}`] })] });
    for (const name of ['one', 'two']) await ready(name);
    const ranges = ['one', 'two'].map(rangeOf);
    assert.equal(exec('one', 'id -u'), '0');
    assert.deepEqual([uidsOf('3601.0'), uidsOf('3601.1')], [[ranges[0]], [ranges[1]]]);
    assert.ok(ranges.every((first) => first >= 65_536 && first % 65_536 === 0) && ranges[0] !== ranges[1]);
  });

  test('volumes have the owners inside that they have on the node', async () => {
    kubectl.get('create', 'configmap', 'cm', '--from-literal=key=configured');
    kubectl.get('create', 'secret', 'generic', 'secret', '--from-literal=key=hidden');
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'claim' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
    });
    mkdirSync(ofNode('/var/owned/below'), { recursive: true });
    writeFileSync(ofNode('/var/owned/guest'), "the guest's", { mode: 0o600 });
    chownSync(ofNode('/var/owned/guest'), 1000, 1001);
    const projected = [
      { configMap: { name: 'cm' } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { serviceAccountToken: { path: 'token' } },
    ];
    const volumes = {
      disk: { emptyDir: {} },
      memory: { emptyDir: { medium: 'Memory' } },
      cm: { configMap: { name: 'cm' } },
      secret: { secret: { secretName: 'secret', defaultMode: 0o400 } },
      projected: { projected: { sources: projected } },
      host: { hostPath: { path: '/var/owned' } },
      claim: { persistentVolumeClaim: { claimName: 'claim' } },
    };
    const volumeMounts: object[] = Object.keys(volumes).map((name) => ({ name, mountPath: `/v/${name}` }));
    volumeMounts.push({ name: 'cm', mountPath: '/v/part', subPath: 'key' });
    create('volumes', {
      securityContext: { fsGroup: 3000 },
      volumes: Object.entries(volumes).map(([name, source]) => ({ name, ...source })),
      initContainers: [sleeper({ name: 'init', command: ['sh', '-c', 'echo init > /v/disk/init'], volumeMounts })],
      containers: [sleeper({ volumeMounts })],
    });
    await ready('volumes');
    const read =
      'cd /v; cat cm/key part secret/key projected/key; cat projected/labels; test -s projected/token && echo " t"';
    assert.equal(exec('volumes', read), 'configuredconfiguredhiddenconfiguredapp="volumes" t');
    const writable = ['disk', 'memory', 'host', 'claim'].map((name) => `/v/${name}`).join(' ');
    const write =
      `set -e; cat /v/disk/init; for d in ${writable}; do echo x > $d/own; done; chown 1000:1001 /v/disk/own; ` +
      'stat -c "%u %g" /v/disk /v/claim/own /v/host/guest; echo y >> /etc/hosts; echo z > /dev/shm/z';
    assert.equal(exec('volumes', write), ['init', '0 3000', '0 3000', '1000 1001'].join('\n'));
    const uid = kubectl.json('get', 'pod', 'volumes').metadata.uid;
    const disk = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~empty-dir/disk`;
    assert.deepEqual(
      [disk, '/var/owned'].map((dir) => ownersOf(`${dir}/own`)),
      [
        [1000, 1001],
        [0, 0],
      ],
    );
    assert.match(exec('volumes', 'echo no > /v/cm/key; true'), /Read-only file system/);
    // What follows the API still does.
    kubectl.get('patch', 'configmap', 'cm', '-p', '{"data":{"key":"anew"}}');
    await eventually('the new value', () => exec('volumes', 'cat /v/cm/key') === 'anew' || undefined);
  });

  test("what the pod may, it may with what is its own, and /proc is the pod's where it asks for that", async () => {
    const securityContext = { procMount: 'Unmasked', capabilities: { add: ['SYS_ADMIN', 'NET_ADMIN', 'SYS_TIME'] } };
    create('caps', { containers: [sleeper({ securityContext })] });
    await ready('caps');
    const may = 'set -e; ip link add br0 type bridge; mkdir /m; mount -t tmpfs m /m; unshare -Urpf --mount-proc id -u';
    assert.equal(exec('caps', may), '0');
    assert.equal(exec('caps', 'grep -c " /proc/" /proc/mounts; true'), '0');
    for (const outside of ['date -s 2001-01-01', 'echo 0 > /proc/sys/vm/swappiness', 'mknod /d b 254 0'])
      assert.match(exec('caps', `${outside}; true`), /Operation not permitted|Permission denied/, outside);
  });

  test('probes, hooks, logs, debugging, streams and messages work as in any pod', async () => {
    create('life', {
      restartPolicy: 'Never',
      securityContext: { runAsUser: 1000 },
      containers: [
        sleeper({
          command: [
            'sh',
            '-c',
            'trap "echo ended > /dev/termination-log; exit 0" TERM; echo up; while :; do sleep 0.2; done',
          ],
          readinessProbe: { exec: { command: ['id'] }, periodSeconds: 1 },
          lifecycle: { postStart: { exec: { command: ['sh', '-c', 'id -u > /dev/shm/started'] } } },
        }),
      ],
      terminationGracePeriodSeconds: 30,
    });
    await ready('life');
    assert.equal(exec('life', 'cat /dev/shm/started'), '1000');
    assert.equal(kubectl.get('logs', 'life'), 'up\n');
    kubectl.get(
      'debug',
      'life',
      `--image=${image}`,
      '--target=c',
      '-c',
      'look',
      '--',
      'sh',
      '-c',
      'cat /proc/1/comm; cat /proc/self/uid_map',
    );
    const said = await eventually('what debug says', () => {
      const text = kubectl.get('logs', 'life', '-c', 'look');
      return text.includes('65536') ? text : undefined;
    });
    assert.deepEqual(said.trim().split(/\s+/), ['sh', '0', String(rangeOf('life')), '65536']);
    const overrides = '--overrides={"spec":{"hostUsers":false}}';
    const attached = kubectl.run(
      ['run', 'cat', '-i', '--rm', '--restart=Never', `--image=${image}`, overrides, '--', 'cat'],
      'echoed\n',
    );
    assert.match(attached.stdout, /^echoed/m);
    kubectl.get('exec', 'life', '--', 'kill', '1');
    const ended: any = await eventually('it has ended', () => {
      const pod: any = kubectl.json('get', 'pod', 'life');
      return pod.status.phase === 'Succeeded' ? pod : undefined;
    });
    assert.equal(ended.status.containerStatuses[0].state.terminated.message, 'ended\n');
  });

  test('killed, kubelet and runtime find them again; what is taken stays taken', async () => {
    const ranges = ['one', 'two', 'volumes'].map(rangeOf);
    const before = ['kubelet', 'runtime'].map((name) => [name, cluster.pidOf(name)] as const);
    for (const [, pid] of before) process.kill(pid, 'SIGKILL');
    for (const [name, pid] of before)
      await eventually(`${name} is back`, () => cluster.pidOf(name) !== pid || undefined);
    create('three', { containers: [sleeper()] });
    await ready('three');
    assert.deepEqual(await eventually('exec', () => ['one', 'two', 'volumes'].map(rangeOf)), ranges);
    assert.ok(!ranges.includes(rangeOf('three')));
    assert.equal(exec('volumes', 'echo again > /v/disk/own; cat /v/disk/own'), 'again');
  });

  test('what cannot be is refused', () => {
    const refused = (spec: object) => {
      try {
        create('refused', { containers: [sleeper()], ...spec });
      } catch (err) {
        return (err as Error).message;
      }
      throw new Error('it was taken');
    };
    assert.match(refused({ hostNetwork: true }), /spec.hostNetwork: Forbidden: when `hostUsers` is false/);
    const containers = [sleeper({ securityContext: { procMount: 'Unmasked' } })];
    assert.match(refused({ hostUsers: true, containers }), /`hostUsers` must be false to use `Unmasked`/);
  });

  test('deleted, they leave nothing', async () => {
    const runAs = sleeper({ securityContext: { runAsUser: 70_000 } });
    create('outside', { containers: [runAs] });
    await eventually('why it does not start', () => {
      const waiting = kubectl.json('get', 'pod', 'outside').status.containerStatuses?.[0]?.state.waiting;
      return /user 70000 is not mapped/.test(waiting?.message ?? '') || undefined;
    });
    kubectl.get('delete', 'pods', '--all');
    kubectl.get('delete', 'pvc', '--all');
    const mountInfo = () => readFileSync(`/proc/${cluster.pidOf('runtime')}/mountinfo`, 'utf8');
    const bundles = ofNode('/run/k8ts-runtime/bundles');
    await eventually('all is gone', () => {
      const left = [ofNode('/var/lib/kubelet/pods'), bundles].flatMap((dir) => readdirSync(dir));
      return (left.length === 0 && !mountInfo().includes('idmapped')) || undefined;
    });
    assert.deepEqual(uidsOf('3601.0'), []);
    // What they had mounted of the node's is there.
    assert.equal(readFileSync(ofNode('/var/owned/guest'), 'utf8'), "the guest's");
    assert.ok(existsSync(join(ofNode('/var/owned'), 'below')));
  });
});

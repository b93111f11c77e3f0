// Our kubelet over containerd, as Debian has it (1.6: it tells of no events): a second node of a cluster.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeCertificateRequest, toField } from '../builders/certificate-request.ts';
import { ContainerdNode } from '../environment/containerd-node.ts';
import { eventually } from '../environment/kubectl.ts';
import { PrivateMachine } from '../environment/private-machine.ts';
import { imageArchive } from '../images/images.ts';
import { clusterNameFor, needsRoot, projectRoot } from '../integration/cli/k8ts-command.ts';
import { buildOciArchive, busyboxLayer } from '../integration/runtime/image-archive.ts';

const image = 'busybox:1.36';
const node = 'n2';
const script = (text: string) => ['sh', '-c', text];
const stays = 'trap "exit 0" TERM; sleep 1000 & wait';

describe('a kubelet over containerd', { skip: needsRoot }, () => {
  const name = clusterNameFor('containerd');
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
  const file = (part: string) => join(folder, part);
  let machine: PrivateMachine;
  let containerd: ContainerdNode;

  const kubectl = (...args: string[]) => machine.get('kubectl', ...args);
  const json = (...args: string[]) => JSON.parse(kubectl(...args, '-o', 'json'));
  const statusOf = (pod: string) => json('get', 'pod', pod).status;
  const phaseOf = (pod: string, phase: string) =>
    eventually(`${pod} is ${phase}`, () => {
      const status = statusOf(pod);
      return status.phase === phase ? status : undefined;
    });
  const isReady = (pod: string) => kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=120s');
  const apply = (pod: string, spec: object) => {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: pod }, spec: { nodeName: node, ...spec } };
    writeFileSync(file('pod.json'), JSON.stringify(object));
    kubectl('apply', '-f', file('pod.json'));
  };

  const approve = (request: string) => kubectl('certificate', 'approve', request);

  /** A kubeconfig of the node, by a request that somebody approves. */
  async function writeKubeconfig(): Promise<void> {
    const subject = { O: ['system:nodes'], CN: [`system:node:${node}`] };
    const { pem, keys } = await makeCertificateRequest({ name: [subject] });
    const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const spec = {
      request: toField(pem),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    };
    const request = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', spec };
    writeFileSync(file('request.json'), JSON.stringify({ ...request, metadata: { name: node } }));
    kubectl('apply', '-f', file('request.json'));
    approve(node);
    const certificate = await eventually('the certificate', () => json('get', 'csr', node).status?.certificate);
    const { clusters } = json('config', 'view', '--raw', '--minify');
    const user = {
      'client-certificate-data': certificate,
      'client-key-data': toField(`-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`),
    };
    const context = { cluster: clusters[0].name, user: node };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters,
      users: [{ name: node, user }],
      contexts: [{ name: node, context }],
      'current-context': node,
    };
    writeFileSync(file('node.kubeconfig'), JSON.stringify(config));
    writeFileSync(file('ca.crt'), Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64'));
  }

  const startKubelet = () =>
    machine.startWithLog(
      file('kubelet.log'),
      process.execPath,
      ...[join(projectRoot, 'dist/bin/k8ts.mjs'), 'kubelet'],
      ...['--kubeconfig', file('node.kubeconfig'), '--node-name', node, '--node-ip', '127.0.0.1', '--port', '10350'],
      ...['--container-runtime-endpoint', `unix://${containerd.socket}`, '--cgroup-root', `/${name}-${node}`],
      ...['--root-dir', file('kubelet'), '--log-dir', file('logs'), '--client-ca-file', file('ca.crt')],
      ...[
        '--rotate-server-certificates',
        '--image-gc-high-threshold',
        '100',
        '--eviction-hard',
        'memory.available<1Mi',
      ],
    );

  before(async () => {
    machine = await PrivateMachine.boot({ KUBECONFIG: file('kubeconfig') });
    machine.get(join(projectRoot, 'k8ts'), 'up', '--name', name, '--kubeconfig', file('kubeconfig'), '--wait', '15m');
    containerd = new ContainerdNode(machine, file('containerd'));
    await containerd.start();
    const pause = { Entrypoint: ['/bin/sleep', '2147483647'] };
    const archive = { name: 'registry.k8s.io/pause:3.9', layers: [busyboxLayer()], config: pause };
    writeFileSync(file('pause.tar'), await buildOciArchive(archive));
    containerd.load(file('pause.tar'));
    containerd.load(await imageArchive('busybox'));
    await writeKubeconfig();
    startKubelet();
    kubectl('wait', '--for=create', `node/${node}`, '--timeout=60s');
    kubectl('wait', '--for=condition=Ready', `node/${node}`, '--timeout=60s');
    const isServing = ({ spec }: any) => spec.signerName === 'kubernetes.io/kubelet-serving';
    const serving = await eventually('the server asks for its certificate', () =>
      json('get', 'csr').items.find(isServing),
    );
    approve(serving.metadata.name);
  });
  after(() => {
    machine?.run('kubectl', 'delete', 'pods', '--all', '--timeout=60s');
    machine?.run(join(projectRoot, 'k8ts'), 'down', '--name', name);
    machine?.killAll();
    // Control groups are the host's.
    machine?.run(
      'find',
      '/sys/fs/cgroup',
      '-depth',
      '-type',
      'd',
      '-path',
      `*/${name}-${node}*`,
      '-exec',
      'rmdir',
      '{}',
      ';',
    );
    machine?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the node tells of its runtime', () => {
    const { nodeInfo } = json('get', 'node', node).status;
    assert.match(nodeInfo.containerRuntimeVersion, /^containerd:\/\/[12]\./);
  });

  test('a pod runs, is entered, and tells what it writes', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    apply('plain', {
      volumes,
      terminationGracePeriodSeconds: 5,
      initContainers: [
        { name: 'first', image, command: script('echo one >/v/x'), volumeMounts },
        { name: 'side', image, restartPolicy: 'Always', command: script(stays) },
      ],
      containers: [{ name: 'c', image, command: script(`cat /v/x; ${stays}`), volumeMounts }],
    });
    isReady('plain');
    assert.match(statusOf('plain').podIP, /^10\.244\.99\./);
    const logs = await eventually(
      'the certificate of the server',
      () => kubectl('logs', 'plain', '-c', 'c') || undefined,
    );
    assert.equal(logs, 'one\n');
    assert.equal(kubectl('exec', 'plain', '-c', 'c', '--', 'hostname'), 'plain\n');
  });

  test('ends are told as they were', async () => {
    const ends = { restartPolicy: 'Never', terminationGracePeriodSeconds: 1 };
    apply('ends', {
      ...ends,
      containers: [{ name: 'c', image, command: script('echo bye >/dev/termination-log; exit 3') }],
    });
    apply('hungry', {
      ...ends,
      containers: [
        {
          name: 'c',
          image,
          command: script('x=a; while :; do x=$x$x; done'),
          resources: { limits: { memory: '16Mi' } },
        },
      ],
    });
    apply('wrong', { ...ends, containers: [{ name: 'c', image, command: ['/nope'] }] });
    const terminated = async (pod: string) => (await phaseOf(pod, 'Failed')).containerStatuses[0].state.terminated;
    const { exitCode, reason, message } = await terminated('ends');
    assert.deepEqual({ exitCode, reason, message }, { exitCode: 3, reason: 'Error', message: 'bye\n' });
    assert.equal((await terminated('hungry')).reason, 'OOMKilled');
    assert.equal((await terminated('wrong')).reason, 'StartError');
  });

  test('a container whose probe fails is started again, one that ends too', async () => {
    const livenessProbe = { exec: { command: ['cat', '/tmp/ok'] }, periodSeconds: 1, failureThreshold: 1 };
    const lives = 'touch /tmp/ok; sleep 3; rm /tmp/ok; sleep 1000';
    apply('probed', {
      terminationGracePeriodSeconds: 1,
      containers: [
        { name: 'c', image, command: script(lives), livenessProbe },
        { name: 'd', image, command: script('sleep 2; exit 1') },
      ],
    });
    await eventually('both were started again', () => {
      const statuses = statusOf('probed').containerStatuses ?? [];
      return (statuses.length === 2 && statuses.every((one: any) => one.restartCount > 0)) || undefined;
    });
  });

  test('containers go on while kubelet and runtime are killed and come again', async () => {
    const ids = () => statusOf('plain').containerStatuses.map((one: any) => one.containerID);
    const before = ids();
    machine.get('pkill', '-KILL', '-f', `k8ts.mjs kubelet --kubeconfig ${file('node.kubeconfig')}`);
    containerd.kill();
    await containerd.start();
    startKubelet();
    apply('later', { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image, command: script(stays) }] });
    isReady('later');
    assert.deepEqual(ids(), before);
    assert.equal(statusOf('plain').containerStatuses[0].restartCount, 0);
  });

  test('images are volumes, and mounts are read-only with all below them, where the runtime has that', async (t) => {
    const { nodeInfo, runtimeHandlers = [] } = json('get', 'node', node).status;
    if (/^containerd:\/\/1\./.test(nodeInfo.containerRuntimeVersion))
      return t.skip('this containerd has no image volumes');
    assert.equal(runtimeHandlers[0].features.recursiveReadOnlyMounts, true);
    apply('volumes', {
      terminationGracePeriodSeconds: 1,
      restartPolicy: 'Never',
      volumes: [
        { name: 'files', image: { reference: image } },
        { name: 'v', emptyDir: {} },
      ],
      containers: [
        {
          name: 'c',
          image,
          command: script('ls /files/bin/busybox; touch /v/x || touch /files/x || echo refused'),
          volumeMounts: [
            { name: 'files', mountPath: '/files' },
            { name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly: 'Enabled' },
          ],
        },
      ],
    });
    const { containerStatuses } = await phaseOf('volumes', 'Succeeded');
    assert.match(kubectl('logs', 'volumes'), /^\/files\/bin\/busybox\n(?:touch: .*\n){2}refused\n$/);
    const mount = containerStatuses[0].volumeMounts.find((one: any) => one.name === 'v');
    assert.equal(mount.recursiveReadOnly, 'Enabled');
  });

  test('what is deleted leaves nothing', async () => {
    kubectl('delete', 'pods', '--all', '--timeout=120s');
    assert.equal(machine.get('ls', file('kubelet/pods')), '');
    assert.equal(machine.get('ls', file('logs')), '');
    assert.doesNotMatch(machine.get('ps', '-eo', 'args'), /containerd-shim/);
  });
});

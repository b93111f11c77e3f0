// Pods out of files of a node, which run whether or not there is an API server.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { image, isReady, upWithBusybox } from './busybox-cluster.ts';

describe('static pods', { skip: needsRoot }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let dir: string;
  let name: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-static-'));
    cluster = testCluster('static');
    name = `web-${cluster.name}-control-plane`;
    const config = join(dir, '.cluster.yaml');
    writeFileSync(config, clusterConfig(dir));
    kubectl = await upWithBusybox(cluster, '--config', config);
  });

  after(() => {
    cluster?.[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const write = (says: string) => writeFileSync(join(dir, 'web.yaml'), manifest(says));
  const find = () => kubectl.json('get', 'pods').items.find((pod: any) => pod.metadata.name === name);
  const ready = (what: string, check: (pod: any) => unknown = () => true) =>
    eventually(what, () => {
      const pod = find();
      return pod && isReady(pod) && check(pod) ? pod : undefined;
    });
  const idOf = (pod: any) => pod.status.containerStatuses[0].containerID;

  test('a file is a pod, which a mirror stands for', async () => {
    write('one');
    const pod = await ready('the pod of the file');
    const { annotations, ownerReferences, uid } = pod.metadata;
    assert.equal(annotations['kubernetes.io/config.source'], 'file');
    assert.match(annotations['kubernetes.io/config.hash'], /^[0-9a-f]{32}$/);
    assert.equal(annotations['kubernetes.io/config.mirror'], annotations['kubernetes.io/config.hash']);
    assert.ok(Date.parse(annotations['kubernetes.io/config.seen']) > 0);
    assert.notEqual(uid, annotations['kubernetes.io/config.hash']);
    assert.equal(ownerReferences[0].kind, 'Node');
    await eventually('its log', () => kubectl.run(['logs', name]).stdout === 'one\n' || undefined);
    assert.equal(kubectl.get('exec', name, '--', 'echo', 'inside'), 'inside\n');
  });

  test('who deletes the mirror does not end the pod', async () => {
    const before = find();
    assert.equal(kubectl.run(['delete', 'pod', name, '--wait=false']).code, 0);
    const pod = await ready('another mirror', (found) => found.metadata.uid !== before.metadata.uid);
    assert.equal(idOf(pod), idOf(before));
    assert.equal(pod.status.startTime, before.status.startTime);
  });

  test('what the file says anew runs in the place of the old', async () => {
    const before = find();
    write('two');
    const pod = await ready('the new pod', (found) => found.metadata.uid !== before.metadata.uid);
    assert.notEqual(idOf(pod), idOf(before));
    await eventually('its log', () => kubectl.run(['logs', name]).stdout === 'two\n' || undefined);
    writeFileSync(join(dir, 'web.yaml'), 'half: [');
    writeFileSync(join(dir, 'wrong.yaml'), 'apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec: {}\n');
    const log = () => readFileSync(`/var/lib/k8ts/${cluster.name}/logs/kubelet.log`, 'utf8');
    await eventually('what is wrong is told', () => /wrong\.yaml/.test(log()) || undefined);
    assert.equal(idOf(find()), idOf(pod), 'half a file ends no pod');
    write('two');
  });

  test('it starts, and stays, while there is no API server', async () => {
    const pod = find();
    const server = cluster.pidOf('apiserver');
    process.kill(server, 'SIGSTOP');
    try {
      const kubelet = cluster.pidOf('kubelet');
      process.kill(kubelet, 'SIGKILL');
      writeFileSync(join(dir, 'more.yaml'), manifest('more', 'more'));
      const logs = `/var/lib/k8ts/${cluster.name}/nodes/${cluster.name}-control-plane/var/log/pods`;
      const said = () => {
        const folder = readdirSync(logs).find((entry) => entry.startsWith('default_more-'));
        const file = folder && join(logs, folder, 'c', '0.log');
        return file && existsSync(file) && readFileSync(file, 'utf8').includes('more') ? true : undefined;
      };
      await eventually('the pod of the new file', said);
    } finally {
      // Who was silent for too long has been replaced by now.
      if (existsSync(`/proc/${server}`)) process.kill(server, 'SIGCONT');
    }
    await eventually('its mirror', () => kubectl.get('get', 'pods').includes(name.replace('web', 'more')) || undefined);
    const again = await ready('the pod is known again');
    assert.equal(idOf(again), idOf(pod));
    assert.equal(again.status.containerStatuses[0].restartCount, 0);
  });

  test('without its file it is gone, with its mirror', async () => {
    rmSync(join(dir, 'web.yaml'));
    rmSync(join(dir, 'more.yaml'));
    await eventually('no pod is left', () => kubectl.json('get', 'pods').items.length === 0 || undefined);
    const pods = `/var/lib/k8ts/${cluster.name}/nodes/${cluster.name}-control-plane/var/lib/kubelet/pods`;
    assert.deepEqual(readdirSync(pods), []);
  });
});

const manifest = (says: string, name = 'web') => `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: ${image}
    command: [sh, -c, 'echo ${says}; trap "exit 0" TERM; while :; do sleep 0.2; done']
`;

const clusterConfig = (dir: string) => `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches:
- |
  kind: KubeletConfiguration
  staticPodPath: /manifests
nodes:
- role: control-plane
  extraMounts:
  - hostPath: ${dir}
    containerPath: /manifests
    readOnly: true
`;

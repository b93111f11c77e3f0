// What a pod is given as a whole, on a real node: its own resources, what its runtime class costs, and the class itself.
// And what the node tells of it to whom the API server lets ask.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl, needsNewKubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { findGroup, image, isReady, upWithBusybox } from './busybox-cluster.ts';

const mib = 1 << 20;
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');

describe('a pod as a whole', { skip: needsRoot || needsNewKubectl }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  before(async () => {
    cluster = testCluster('pod-level');
    kubectl = await upWithBusybox(cluster);
  });
  after(() => cluster?.[Symbol.dispose]());

  const create = (name: string, spec: object) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, ...spec },
    });
  const classOf = (name: string, handler: string, overhead?: object) =>
    kubectl.apply({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name },
      handler,
      ...(overhead ? { overhead: { podFixed: overhead } } : {}),
    });
  const container = (name: string, more: object = {}) => ({ name, image, command: ['sleep', '3600'], ...more });
  const ready = (name: string) =>
    eventually(`${name} is ready`, () => {
      const pod: any = kubectl.json('get', 'pod', name);
      return isReady(pod) ? pod : undefined;
    });

  /** Quota of cpu and limit of memory of a pod's group, and of those of its containers. */
  function groupsOf(pod: any): Record<string, [number, number]> {
    const groups: Record<string, [number, number]> = {};
    const read = (controller: string, file: string, id: string) => {
      const own = findGroup(join('/sys/fs/cgroup', isV2 ? '' : controller), `pod${pod.metadata.uid}`);
      const group = id === '' ? own : join(own, readdirSync(own).find((entry) => entry.includes(id))!);
      return Number(readFileSync(join(group, file), 'utf8').split(' ')[0]);
    };
    const names = pod.status.containerStatuses.map((c: any) => [c.name, c.containerID.replace('k8ts://', '')]);
    for (const [name, id] of [['', ''], ...names]) {
      const quota = read('cpu', isV2 ? 'cpu.max' : 'cpu.cfs_quota_us', id);
      groups[name] = [quota, read('memory', isV2 ? 'memory.max' : 'memory.limit_in_bytes', id) / mib];
    }
    return groups;
  }

  test('its resources limit it, and each container that has no limit of its own', async () => {
    const small = { limits: { cpu: '100m', memory: '32Mi' }, requests: { cpu: '100m', memory: '16Mi' } };
    const env = [{ name: 'MAX', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } }];
    create('whole', {
      resources: { requests: { cpu: '200m', memory: '64Mi' }, limits: { cpu: '500m', memory: '96Mi' } },
      containers: [container('small', { resources: small }), container('free', { env })],
    });
    const pod = await ready('whole');
    assert.equal(pod.status.qosClass, 'Burstable');
    assert.deepEqual(groupsOf(pod), { '': [50_000, 96], small: [10_000, 32], free: [50_000, 96] });
    assert.equal(kubectl.get('exec', 'whole', '-c', 'free', '--', 'sh', '-c', 'echo $MAX').trim(), '96');
  });

  test('a runtime class that the node has runs it, and what that costs is in its group', async () => {
    const node: any = kubectl.json('get', 'node', `${cluster.name}-control-plane`);
    const handlers: string[] = node.status.runtimeHandlers.map((h: any) => h.name ?? '');
    const handler = handlers.find((name) => name !== '')!;
    assert.match(handler, /^(crun|runc)$/);
    classOf('costly', handler, { cpu: '100m', memory: '16Mi' });
    const limits = { cpu: '200m', memory: '32Mi' };
    create('costly', { runtimeClassName: 'costly', containers: [container('c', { resources: { limits } })] });
    const pod = await ready('costly');
    assert.deepEqual(pod.spec.overhead, { cpu: '100m', memory: '16Mi' });
    assert.deepEqual(groupsOf(pod), { '': [30_000, 48], c: [20_000, 32] });
  });

  test('one that it has not is told, and the pod waits', async () => {
    classOf('other', 'other-vm');
    create('other', { runtimeClassName: 'other', containers: [container('c')] });
    const event: any = await eventually('an event', () =>
      kubectl
        .json('get', 'events', '--field-selector', 'involvedObject.name=other,reason=FailedCreatePodSandBox')
        .items.at(0),
    );
    assert.match(event.message, /^Failed to create pod sandbox: .*no runtime for "other-vm" is configured$/);
    const pod: any = kubectl.json('get', 'pod', 'other');
    assert.equal(pod.status.containerStatuses[0].state.waiting.reason, 'ContainerCreating');
  });

  test('its figures are for those whom a role lets read them', async () => {
    kubectl.get('create', 'serviceaccount', 'scraper');
    kubectl.get('create', 'clusterrole', 'scraper', '--verb=get', '--resource=nodes/metrics');
    kubectl.get('create', 'clusterrolebinding', 'scraper', '--clusterrole=scraper', '--serviceaccount=default:scraper');
    const token = kubectl.get('create', 'token', 'scraper').trim();
    const node: any = kubectl.json('get', 'node', `${cluster.name}-control-plane`);
    const host = node.status.addresses.find((a: any) => a.type === 'InternalIP').address;
    const ask = async (path: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await new Promise<any>((resolve, reject) => {
        request({ host, port: 10250, path, headers, rejectUnauthorized: false, agent: false }, resolve)
          .once('error', reject)
          .end();
      });
      return { code: answer.statusCode, text: await text(answer) };
    };
    await eventually('the role counts', async () => (await ask('/metrics')).code === 200);
    const { text: figures } = await ask('/metrics/cadvisor');
    const line = figures.split('\n').find((one) => /^container_memory_working_set_bytes\{container="free"/.test(one));
    assert.match(line ?? '', /image=".*busybox:1",.*pod="whole"\} [1-9]\d+ \d{13}$/);
    assert.equal((await ask('/pods')).code, 403);
  });
});

// What was done to the recorded pods while they lived, and what else than the pods was recorded of
// them. A lifecycle that is not listed here is created and waited for.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../../machinery/clock.ts';
import { eventually } from '../../environment/kubectl.ts';
import { compareStatus } from '../recorded/compare-pods.ts';
import { comparable, otherGroups } from '../recorded/not-comparable.ts';
import { matchesText } from '../recorded/recording.ts';
import type { Replay } from '../recorded/replay.ts';

type Steps = (replay: Replay) => Promise<void>;

const isReady = (pod: any) => pod.status.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True');

const defaultClass = 'storageclass.kubernetes.io/is-default-class';

/** Creates the pod and waits until it is ready, and its containers heed the signal that they trap. */
async function createReady(replay: Replay): Promise<void> {
  replay.create();
  await replay.until('ready', isReady);
  for (const { name, command = [] } of replay.recording.manifest?.spec?.containers ?? [])
    if (command.join(' ').includes('trap "exit 0" TERM;'))
      await eventually(`${name} heeds SIGTERM`, () => heedsTerm(replay, name));
}

/** A shell takes a while to come to its trap, and until then a container's first process ignores the signal. */
function heedsTerm(replay: Replay, container: string): boolean {
  const status = replay.kubectl('exec', 'p', '-c', container, '--', 'cat', '/proc/1/status');
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)/m.exec(status)![1]}`);
  return (caught & (1n << BigInt(constants.signals.SIGTERM - 1))) !== 0n;
}

/** The log is what was recorded, line by line. */
function checkLog(replay: Replay, pod = 'p', recorded: string = replay.recording.result.log): void {
  const lines = comparable(replay.recording.name, replay.kubectl('logs', pod)).split('\n');
  const wanted = recorded.split('\n');
  const found = lines.map((line, i) => (matchesText(wanted[i] ?? '', line, replay.masks) ? wanted[i] : line));
  assert.deepEqual(found, wanted);
}

const withLog: Steps = async (replay) => {
  replay.create();
  await replay.untilRecorded();
  checkLog(replay);
};

/** Deletes the pod when it is ready and waits for its end. */
const deleteReady: Steps = async (replay) => {
  await createReady(replay);
  const startMs = realClock.monotonicMs();
  const { code, body } = await replay.cluster.request('DELETE', replay.url('p'));
  assert.equal(code, 200);
  const { deleteResponse, elapsedSeconds } = replay.recording.result;
  if (deleteResponse) assertLike(deleteResponse.metadata, body.metadata);
  await replay.untilGone();
  if (elapsedSeconds) {
    // Nobody gets less time than asked for, and nobody who ends at once is waited for.
    const seconds = (realClock.monotonicMs() - startMs) / 1000;
    const { deletionGracePeriodSeconds: grace } = body.metadata;
    if (elapsedSeconds > grace) assert.ok(seconds >= grace, `gone after ${seconds} s`);
    else assert.ok(seconds < grace, `gone after ${seconds} s`);
  }
};

/** Deletes at once: gone when the request is answered. */
const deleteNow: Steps = async (replay) => {
  const { deleteResponseCode = 200, getAfter } = replay.recording.result;
  const { code } = await replay.cluster.request('DELETE', replay.url('p', '?gracePeriodSeconds=0'));
  assert.equal(code, deleteResponseCode);
  assert.equal((await replay.cluster.request('GET', replay.url('p'))).code, getAfter);
};

/** What was recorded of an object stands in it, but for what is masked. */
function assertLike(recorded: any, actual: any): void {
  for (const [key, value] of Object.entries(recorded)) {
    if (value === '<any>') assert.ok(actual[key], key);
    else if (typeof value === 'object') assertLike(value, actual[key]);
    else assert.equal(actual[key], value, key);
  }
}

/** The control groups of pods and containers hold what was recorded. */
function checkCgroups(replay: Replay): void {
  const { cgroups } = replay.recording.result as { cgroups: Record<string, Record<string, string>> };
  if (!existsSync('/sys/fs/cgroup/cpu')) return;
  for (const [key, { path = '', ...files }] of Object.entries(cgroups)) {
    const { metadata, status } = replay.newest(key.split('.')[0]) ?? {};
    const [, id] = status?.containerStatuses[0].containerID.split('//') ?? [];
    const group = path.replace('<uid>', metadata?.uid).replace('<container id>', id);
    for (const [file, value] of Object.entries(files)) {
      if (otherGroups.some((other) => other.file.test(`${key} ${file}`))) continue;
      const [controller = '', name = ''] = file.split('/');
      const found = readFileSync(join('/sys/fs/cgroup', controller, replay.cluster.cgroup, group, name), 'utf8');
      assert.equal(found.trim(), value, `${key} ${file}`);
    }
  }
}

/** How long a container waited between its last end and the next start, in seconds. */
function waitedSeconds(before: any, after: any): number {
  return (Date.parse(after.startedAt) - Date.parse(before.finishedAt)) / 1000;
}

export const steps: Record<string, Steps> = {
  'optional-sources': withLog,
  'runasnonroot-ok': withLog,

  async 'host-network'(replay) {
    replay.create();
    await replay.untilRecorded();
    const hosts = replay.kubectl('exec', 'p', '--', 'tail', '-n', '+2', '/etc/hosts');
    const recorded: string = replay.recording.result.log;
    const log = recorded.replace('<node hostname>', replay.masks.node).replace("<the node's /etc/hosts>\n", hosts);
    checkLog(replay, 'p', log);
  },

  async 'container-view'(replay) {
    replay.create();
    await replay.untilRecorded();
    // The shell still prints when its container is ready.
    const isDone = (pod: string, text: string) => replay.kubectl('logs', pod).includes(text) || undefined;
    await eventually('the whole log of p', () => isDone('p', 'b="2"'));
    await eventually('the whole log of q', () => isDone('q', 'HOSTNAME='));
    checkLog(replay);
    checkLog(replay, 'q', replay.recording.result.log_q);
  },

  async 'cgroup-limits'(replay) {
    replay.create();
    await replay.untilRecorded();
    checkCgroups(replay);
  },

  async 'readiness-flip'(replay) {
    replay.create();
    await replay.untilLike(replay.recording.result.whileNotReady);
    await replay.untilRecordedEvents();
    replay.kubectl('exec', 'p', '--', 'touch', '/tmp/ok');
    await replay.untilRecorded();
  },

  async 'readiness-gates'(replay) {
    replay.create();
    await replay.untilLike(replay.recording.result.beforeGate);
    const patch = { status: { conditions: [{ type: 'example.com/g', status: 'True' }] } };
    await replay.ok('PATCH', replay.url('p', '/status'), patch);
    await replay.untilRecorded();
  },

  async 'image-pull-backoff'(replay) {
    replay.create();
    await replay.untilLike(replay.recording.result.atErrImagePull);
    await replay.untilRecorded();
  },

  async 'command-not-found-always'(replay) {
    replay.create();
    await replay.untilLike(replay.recording.result.firstRunContainerError);
    await replay.untilRecorded();
  },

  async 'termination-message-fallback'(replay) {
    replay.create();
    await replay.untilRecorded();
    const e = replay.newest().status.containerStatuses.find((c: any) => c.name === 'e');
    assert.equal(e.state.terminated.message.length, replay.recording.result['e.messageLength']);
    const c = replay.newest().status.containerStatuses.find((c: any) => c.name === 'c');
    assert.deepEqual(c.state.terminated.message.split('\n').sort(), ['', 'one', 'three', 'two']);
  },

  'prestop-then-kill': deleteReady,
  'prestop-fail': deleteReady,
  'delete-term-exits': deleteReady,

  async 'delete-force'(replay) {
    await createReady(replay);
    await deleteNow(replay);
    await replay.untilGone();
  },

  async 'delete-pending-unscheduled'(replay) {
    replay.create();
    await replay.until('unschedulable', (pod) => pod.status.conditions?.[0]?.status === 'False');
    await deleteNow(replay);
    await replay.untilGone();
  },

  async 'unbound-pvc'(replay) {
    // As recorded there is no default class, from now on. No other lifecycle has claims.
    replay.kubectl('annotate', 'storageclass', '--all', '--overwrite', `${defaultClass}=false`);
    replay.create();
    await replay.untilRecorded();
  },

  async 'ephemeral-container'(replay) {
    await createReady(replay);
    const [{ image, command }] = replay.recording.manifest.spec.containers;
    const add = async (name: string, command: string[], state: string) => {
      const spec = { ephemeralContainers: [{ name, image, command }] };
      await replay.ok('PATCH', replay.url('p', '/ephemeralcontainers'), { spec });
      const isThere = (c: any) => c.name === name && c.state[state];
      await replay.until(`${name} ${state}`, ({ status }) => status.ephemeralContainerStatuses?.some(isThere));
    };
    await add('e', command, 'running');
    await add('f', ['sh', '-c', 'exit 0'], 'terminated');
    await replay.untilRecorded();
  },

  async 'resize-cpu'(replay) {
    await createReady(replay);
    await replay.untilLike(replay.recording.result.before);
    const amounts = { cpu: '200m', memory: '32Mi' };
    await replay.resize({ c: { requests: amounts, limits: amounts } });
    await replay.untilRecorded();
  },

  async 'resize-memory'(replay) {
    await createReady(replay);
    const amounts = { memory: '64Mi' };
    const both = { requests: amounts, limits: amounts };
    await replay.resize({ c: both, d: both });
    await replay.untilRecorded();
  },

  async 'resize-errors'(replay) {
    await createReady(replay);
    const { result } = replay.recording;
    const patch = async (name: string, rest: string, container: object) => {
      const spec = { containers: [{ name: 'c', ...container }] };
      const { code, body } = await replay.cluster.request('PATCH', replay.url('p', rest), { spec });
      const { message = '' } = body;
      assert.deepEqual(replay.compare(name, result[name], { code, message }), []);
    };
    const amounts = { cpu: '100m', memory: '32Mi' };
    await patch('toGuaranteed', '/resize', { resources: { requests: amounts, limits: amounts } });
    await patch('image', '/resize', { image: 'another' });
    await patch('plainPatch', '', { resources: { requests: { cpu: '200m' } } });
    await replay.untilRecorded();
  },

  async 'static-pod'(replay) {
    const { cluster, masks, recording } = replay;
    const { mirrorPod, containerSurvivedMirrorDelete, notes } = recording.result;
    const { metadata, spec } = mirrorPod;
    const file = join(cluster.staticPods, 'st.yaml');
    const { image, command } = spec.containers[0];
    const { terminationGracePeriodSeconds } = spec;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'st', namespace: masks.namespace, labels: metadata.labels },
      spec: { terminationGracePeriodSeconds, containers: [{ name: 'c', image, command }] },
    };
    writeFileSync(file, JSON.stringify(pod));
    const name = `st-${masks.node}`;
    try {
      const first = await replay.until('ready', isReady, name);
      const { status, ...rest } = first;
      const { status: recordedStatus, ...recorded } = mirrorPod;
      assert.deepEqual(replay.compare('mirrorPod', recorded, rest), []);
      assert.deepEqual(compareStatus(recordedStatus, status, masks), []);
      const { annotations, uid } = first.metadata;
      const [hash, mirror] = ['hash', 'mirror'].map((key) => annotations[`kubernetes.io/config.${key}`]);
      assert.equal(uid === hash, notes['metadata.uid == annotation kubernetes.io/config.hash']);
      assert.equal(hash === mirror, notes['config.hash == config.mirror']);
      await replay.ok('DELETE', replay.url(name, '?gracePeriodSeconds=0'));
      const second = await replay.until('back', (pod) => isReady(pod) && pod.metadata.uid !== uid, name);
      const ids = [first, second].map((pod) => pod.status.containerStatuses[0].containerID);
      assert.equal(ids[0] === ids[1], containerSurvivedMirrorDelete);
    } finally {
      rmSync(file);
    }
    await replay.untilGone(name);
  },

  async 'crashloop-timeline'(replay) {
    replay.create();
    const waits = (restarts: number) =>
      replay.until(`waiting after ${restarts} restarts`, ({ status: { containerStatuses: [c] = [] as any[] } }) => {
        return c?.restartCount === restarts && c.state.waiting?.reason === 'CrashLoopBackOff';
      });
    const ended: any[] = [];
    for (const restarts of [1, 2]) {
      const [status] = (await waits(restarts)).status.containerStatuses;
      ended.push(status.lastState.terminated);
      const row = `Running | c=waiting:CrashLoopBackOff r${restarts}`;
      const [, , recorded] = replay.recording.result.timeline.find(([, described]: string[]) => described === row);
      const { message } = status.state.waiting;
      assert.ok(matchesText(recorded, message, replay.masks), `recorded ${recorded}, is ${message}`);
    }
    const first = replay.states('c').find((s) => s.restartCount === 0 && s.state.terminated)!.state.terminated;
    const [second, third] = ended;
    assert.ok(waitedSeconds(first, second) < 8, 'the first restart does not wait');
    // Times have no fractions.
    assert.ok(waitedSeconds(second, third) >= 9, 'the second restart waits for ten seconds');
  },

  async 'nodename-unknown'(replay) {
    replay.create();
    await realClock.sleep(3_000);
    await replay.untilRecorded();
  },

  async 'probe-failure-messages'(replay) {
    // An address that takes connections and never answers: the server that listens there stands still.
    const { kubectl } = replay.cluster;
    const [, { image }] = replay.recording.manifest.spec.containers;
    const script = 'httpd -f -p 80 & sleep 1; kill -STOP $!; touch /silent; while :; do sleep 1; done';
    const readinessProbe = { exec: { command: ['test', '-f', '/silent'] }, periodSeconds: 1 };
    const containers = [{ name: 'c', image, command: ['sh', '-c', script], readinessProbe }];
    const spec = { terminationGracePeriodSeconds: 1, containers };
    kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'silent', namespace: 'default' }, spec });
    kubectl.get('wait', 'pod/silent', '-n', 'default', '--for=condition=Ready', '--timeout=60s');
    const { podIP } = kubectl.json('get', 'pod', 'silent', '-n', 'default').status;
    replay.create((text) => text.replace('172.30.0.77', podIP));
    await replay.untilRecorded();
  },

  async 'logs-and-exec-errors'(replay) {
    replay.create();
    await replay.untilRecorded();
    const requests: Record<string, [method: string, url: string]> = {
      'log-unknownContainer': ['GET', replay.url('p', '/log?container=zz')],
      'log-previousNone': ['GET', replay.url('p', '/log?previous=true')],
      'log-unscheduled': ['GET', replay.url('q', '/log')],
      'log-waitingImage': ['GET', replay.url('r', '/log')],
      'log-unknownPod': ['GET', replay.url('zz', '/log')],
      'exec-unscheduled': ['POST', replay.url('q', '/exec?command=true&stdout=true')],
      'exec-unknownContainer': ['POST', replay.url('p', '/exec?container=zz&command=true&stdout=true')],
      'exec-notUpgraded': ['POST', replay.url('p', '/exec?command=true&stdout=true')],
      'exec-waitingImage': ['POST', replay.url('r', '/exec?command=true&stdout=true')],
    };
    const responses: Record<string, unknown> = {};
    for (const [name, [method, url]] of Object.entries(requests))
      responses[name] = await replay.cluster.request(method, url);
    assert.deepEqual(responses, replay.recording.result.responses);
  },
};

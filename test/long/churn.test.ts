// Pods come and go by the hundreds, while what runs them is killed now and then: nothing of them
// may stay on the node, and nothing may grow in the components. What one round leaves does not
// show; what six rounds leave does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const rounds = 6;
const replicas = 30;
const completions = 20;
const components = ['apiserver', 'controllers', 'scheduler', 'kubelet', 'runtime', 'proxy'];
const roundDeadlineMs = 60_000;
const settledAfterMs = 5_000;
const collectedAfterMs = 90_000;
// Connections, and files that are open while a log is read, come and go.
const spareFiles = 10;

let cluster: E2eCluster;
before(async () => {
  if (!needsRoot) cluster = await startCluster('churn', ['busybox']);
});
after(() => cluster?.[Symbol.asyncDispose]());

const pidOf = (component: string) => Number(readFileSync(`/run/k8ts/${cluster.name}/${component}.pid`, 'utf8'));

const linesOf = (command: string, args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8' }).split('\n').filter(Boolean);

/** How much there is of what pods are made of, and which files there are that `known` does not name. */
function lookAround(known = new Set<string>()) {
  const node = String(pidOf('node'));
  const inNode = (...command: string[]) => linesOf('nsenter', ['-t', node, '-m', '-n', '-p', ...command]).length;
  const state = `/var/lib/k8ts/${cluster.name}`;
  const files = linesOf('find', [`${state}/nodes`, `${state}/logs`, '-not', '-name', 'scratch']);
  return {
    processes: inNode('find', '/proc', '-maxdepth', '1', '-name', '[0-9]*'),
    mounts: readFileSync(`/proc/${node}/mountinfo`, 'utf8').split('\n').length,
    links: inNode('ip', '-brief', 'link'),
    rules: inNode('nft', 'list', 'ruleset'),
    cgroups: linesOf('find', ['/sys/fs/cgroup', '-path', `*/${cluster.name}/*`, '-type', 'd']).length,
    newFiles: files.filter((file) => !known.has(file)),
  };
}

type Surroundings = ReturnType<typeof lookAround>;

/** The same once it changes no more: what is deleted at once is cleared away a moment later. */
async function settled(): Promise<Surroundings> {
  let last = '';
  let sameSinceMs = 0;
  return eventually('an end of changes', () => {
    const now = lookAround();
    const nowMs = realClock.monotonicMs();
    if (JSON.stringify(now) !== last) sameSinceMs = nowMs;
    last = JSON.stringify(now);
    return nowMs - sameSinceMs > settledAfterMs ? now : undefined;
  });
}

const openFiles = () => components.map((name) => readdirSync(`/proc/${pidOf(name)}/fd`).length);

const podCount = () => cluster.kubectl.json('get', 'pods').items.length as number;

async function scale(count: number): Promise<void> {
  const { kubectl } = cluster;
  kubectl.get('scale', 'deployment/crowd', `--replicas=${count}`);
  kubectl.get('rollout', 'status', 'deployment/crowd', '--timeout=60s');
}

function podTemplate(command: string): object {
  const container = { name: 'c', image: 'busybox:1.36', command: ['sh', '-c', command] };
  const volumes = [{ name: 'scratch', emptyDir: { medium: 'Memory' } }];
  const mounted = { ...container, volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] };
  return {
    metadata: { labels: { app: 'crowd' } },
    spec: { terminationGracePeriodSeconds: 0, containers: [mounted], volumes },
  };
}

async function runRound(): Promise<void> {
  const { kubectl } = cluster;
  await scale(replicas);
  const { spec } = podTemplate('exit 0') as { spec: object };
  const job = { completions, parallelism: completions, template: { spec: { ...spec, restartPolicy: 'Never' } } };
  kubectl.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'burst' }, spec: job });
  kubectl.get('wait', '--for=condition=Complete', 'job/burst', '--timeout=60s');
  kubectl.get('delete', 'job', 'burst');
  kubectl.get('scale', 'deployment/crowd', '--replicas=0');
  await eventually('no pods', () => podCount() === 0 || undefined, roundDeadlineMs);
}

test('nothing of hundreds of pods stays', { skip: needsRoot, timeout: 280_000 }, async () => {
  const { kubectl } = cluster;
  const spec = { replicas: 0, selector: { matchLabels: { app: 'crowd' } }, template: podTemplate('exec sleep 3600') };
  kubectl.apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'crowd' }, spec });
  kubectl.get('expose', 'deployment', 'crowd', '--port=80');
  await runRound();
  const before = await settled();
  const [known, filesBefore] = [new Set(before.newFiles), openFiles()];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 1) process.kill(pidOf(['kubelet', 'runtime', 'proxy'][Math.floor(round / 2)]!), 'SIGKILL');
    await runRound();
  }
  const wanted = JSON.stringify({ ...before, newFiles: [] });
  // What a killed kubelet had not cleared away goes with its next round of garbage collection.
  await eventually('', () => JSON.stringify(lookAround(known)) === wanted || undefined, collectedAfterMs).catch(() => {
    assert.deepEqual(lookAround(known), { ...before, newFiles: [] });
  });
  for (const [i, count] of openFiles().entries()) {
    assert.ok(
      count <= filesBefore[i]! + spareFiles,
      `${components[i]}: ${filesBefore[i]} open files before, ${count} after`,
    );
  }
});

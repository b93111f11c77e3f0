import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { Informer } from '../../client/informer.ts';
import { openMounts } from '../../host/mounts.ts';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { ListPodSandboxRequest } from '../../proto/cri.gen.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import type { MirrorPods } from '../static/mirror-pods.ts';
import { isStaticPod } from '../static/static-pod-file.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { PodSet } from './pod-set.ts';
import { runtimeAnnotations, runtimeLabels } from './runtime-state.ts';

test('a pod that is gone from the API server is ended, however often that fails', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-pods-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'memory'));
  // What a kubelet leaves that is killed between a pod's containers and its logs, beside those of
  // the pod that is ended here.
  const logs = ['default_done_e0a1-77', 'ns_p_u'].map((name) => join(dir, 'logs', name));
  for (const folder of logs) mkdirSync(join(folder, 'c'), { recursive: true });
  const clock = new FakeClock();
  const sandbox = runtimeSandbox();
  let tries = 0;
  let removed: string | undefined;
  const container = runtimeContainer({ name: 'c', annotations: { [runtimeAnnotations.podGracePeriod]: '600' } });
  const stops: string[] = [];
  const runtime = {
    ListPodSandbox: async ({ filter }: ListPodSandboxRequest) => {
      const uid = filter?.label_selector[runtimeLabels.podUid] ?? sandbox.metadata!.uid;
      return { items: removed || uid !== sandbox.metadata!.uid ? [] : [sandbox] };
    },
    PodSandboxStatus: async () => ({ status: sandbox, containers_statuses: [container], timestamp: '1' }),
    StopContainer: async ({ timeout }: { timeout: string }) => void stops.push(timeout),
    RemoveContainer: async () => undefined,
    StopPodSandbox: async () => {
      if (tries++ < 2) throw new Error('not now');
    },
    RemovePodSandbox: async ({ pod_sandbox_id }: { pod_sandbox_id: string }) => {
      removed = pod_sandbox_id;
    },
    async *GetContainerEvents() {},
  };
  const nothing = () => undefined;
  const deps = {
    clock,
    log: silentLogger,
    cri: { runtime },
    cgroups: { list: () => [], remove: () => true },
    volumes: { podsDir: join(dir, 'pods'), memoryDir: join(dir, 'memory'), mounts: openMounts(), plugins: [] },
    settings: { podLogsDir: join(dir, 'logs') },
    allocations: { read: nothing, write: nothing },
    tokens: { forget: nothing },
    objects: { release: nothing },
    images: { forget: nothing },
    probes: { forgetPod: nothing },
  } as unknown as KubeletDeps;
  // One of the API is none of the node's own, whatever it says.
  const annotations = { 'kubernetes.io/config.source': 'file' };
  const metadata = { name: 'q', namespace: 'ns', uid: 'q', annotations };
  const taken = { metadata, spec: {}, status: { startTime: 'then' } };
  const counts: boolean[][] = [];
  const onChange = (change: (pod?: object, old?: object) => void) => {
    const look = () =>
      counts.push(...pods.list().map((one) => [one.isTakingResources, one.isCounted, isStaticPod(one.pod)]));
    change(taken, undefined);
    look();
    change(undefined, taken);
    look();
  };
  const informer = { synced: async () => {}, onChange } as unknown as Informer<Pod>;
  const stop = new AbortController();
  const node = () => {
    throw new Error('no pod is admitted here');
  };
  const pods = new PodSet(deps, informer, node, { start: nothing } as unknown as MirrorPods);
  await pods.open(stop.signal);
  await pods.start(stop.signal);
  const isDone = () => removed !== undefined && readdirSync(join(dir, 'logs')).length === 0;
  // Files are removed in their own time.
  for (const deadline = realClock.monotonicMs() + 5_000; !isDone() && realClock.monotonicMs() < deadline; ) {
    await clock.advance(1_000);
    await realClock.sleep(1);
  }
  stop.abort();
  assert.equal(removed, sandbox.id);
  assert.equal(tries, 3);
  // Nobody waits for it: a successor may run already.
  assert.deepEqual(stops, ['1', '1', '1']);
  // One that was deleted at once goes on until it is ended, but no other pod is refused for it.
  assert.deepEqual(counts, [
    [true, true, false],
    [true, false, false],
  ]);
  assert.deepEqual(readdirSync(join(dir, 'logs')), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../machinery/clock.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { pod, testTimeMs } from '../../test/builders/pod.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { PodRuntime } from './pod-runtime.ts';
import { PodStarter } from './pod-starter.ts';
import { StartError } from './start-error.ts';

/** A pod with a sandbox and a runtime whose answers can be held back. */
function world() {
  const sandbox = {
    id: 's',
    state: 'SANDBOX_READY',
    created_at: '1',
    metadata: { attempt: 0 },
    network: { ip: '10.0.0.1' },
  };
  let answering = Promise.resolve();
  const cri = {
    runtime: {
      async PodSandboxStatus() {
        await answering;
        return { status: sandbox, containers_statuses: [] };
      },
    },
  } as unknown as CriClient;
  const tries: string[] = [];
  const dns = {
    clusterDns: '10.96.0.10',
    clusterDomain: 'cluster.local',
    node: { servers: [], searches: [], options: [] },
  };
  const deps = {
    clock: new FakeClock(testTimeMs),
    cri,
    nodeIp: '10.0.0.2',
    events: { event: () => undefined },
    cgroups: { create: () => '/pod' },
    settings: { dns, podLogsDir: '/logs', seccompDir: '/seccomp' },
    images: {
      async ensure() {
        tries.push('start');
        throw new StartError('ErrImagePull', 'no', { retryAfterMs: 0 });
      },
    },
  } as unknown as KubeletDeps;
  const runtime = new PodRuntime(cri, ['s']);
  const starter = new PodStarter(deps, runtime, { ready: new Map() } as unknown as PodVolumes);
  const start = () => new Promise<void>((resolve) => void starter.start(pod('a').build(), ['c'], resolve));
  /** Holds the runtime's answers back until the returned function is called. */
  const hold = () => {
    let release = () => {};
    answering = new Promise((resolve) => {
      release = resolve;
    });
    return () => release();
  };
  return { runtime, starter, tries, start, hold };
}

test('nothing is started by what was read before the last start', async () => {
  const { runtime, starter, tries, start, hold } = world();
  await runtime.refresh();
  const started = start();
  const answer = hold();
  const read = runtime.refresh();
  await started;
  answer();
  await read;
  assert.equal(starter.isBusy, false);
  starter.start(pod('a').build(), ['c'], () => undefined);
  assert.equal(starter.isBusy, false, 'the read had begun before');
  await runtime.refresh();
  await start();
  assert.deepEqual(tries, ['start', 'start']);
});

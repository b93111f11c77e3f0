import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Pod } from '../../api/core/pod.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { PodRuntime } from './pod-runtime.ts';
import { PodStarter } from './pod-starter.ts';
import { readySandbox } from './runtime-state.ts';
import { UserNamespaces } from './user-namespaces.ts';

const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'app', image: 'app:1' }] },
  status: {},
};

/** A runtime in which the sandbox of a call before is being made: the first tries collide with it. */
function runtimeWithUnknownSandbox(isMade: () => boolean) {
  const removed: string[] = [];
  const listed = () => (isMade() ? [runtimeSandbox()] : []);
  const runtime = {
    RunPodSandbox: async () => {
      throw Object.assign(new Error('6'), { code: status.ALREADY_EXISTS, details: 'is reserved' });
    },
    ListPodSandbox: async ({ filter }: { filter: unknown }) => {
      assert.deepEqual(filter, { label_selector: { 'io.kubernetes.pod.uid': 'u' } });
      return { items: listed() };
    },
    PodSandboxStatus: async () => ({ status: listed()[0], containers_statuses: [], timestamp: '1' }),
    StopPodSandbox: async () => ({}),
    RemovePodSandbox: async ({ pod_sandbox_id }: { pod_sandbox_id: string }) => removed.push(pod_sandbox_id),
  };
  return { cri: { runtime } as unknown as CriClient, removed };
}

describe('a sandbox', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-starter-'));
  after(() => rmSync(dir, { recursive: true, force: true }));

  function starterOf(cri: CriClient) {
    const events: string[] = [];
    const messages: string[] = [];
    const counted: string[] = [];
    const deps = {
      cri,
      clock: new FakeClock(),
      events: {
        event(_target: unknown, _type: string, reason: string, message: string) {
          events.push(reason);
          messages.push(message);
        },
      },
      cgroups: { create: () => '/kubepods/podu' },
      userNamespaces: new UserNamespaces(dir, 65_536),
      metrics: { countUserNamespace: (what: string) => counted.push(what) },
      settings: {
        podLogsDir: dir,
        seccompDir: dir,
        dns: { clusterDns: '10.96.0.10', clusterDomain: 'c', node: { servers: [], searches: [], options: [] } },
      },
    } as unknown as KubeletDeps;
    const runtime = new PodRuntime(cri, 'u', []);
    return { starter: new PodStarter(deps, runtime, {} as PodVolumes), runtime, events, messages, counted };
  }

  test('whose making outlived the kubelet that asked for it is taken over once it stands', async () => {
    let isMade = false;
    const { cri } = runtimeWithUnknownSandbox(() => isMade);
    const { starter, runtime, events } = starterOf(cri);
    await assert.rejects(starter.createSandbox(pod), { code: status.ALREADY_EXISTS });
    assert.deepEqual(events, ['FailedCreatePodSandBox']);
    isMade = true;
    await starter.createSandbox(pod);
    assert.equal(readySandbox(runtime.state)?.id, 'sandbox-0');
    assert.deepEqual(events, ['FailedCreatePodSandBox']);
  });

  test('that has failed gives its number up to the next', async () => {
    const attempts: (number | undefined)[] = [];
    const ended = { ...runtimeSandbox(), state: 'SANDBOX_NOTREADY' };
    const runtime = {
      RunPodSandbox: async ({ config }: any) => {
        attempts.push(config.metadata.attempt);
        throw Object.assign(new Error('2'), { code: status.UNKNOWN, details: 'is reserved' });
      },
      ListPodSandbox: async () => ({ items: [ended] }),
      PodSandboxStatus: async () => ({ status: ended, containers_statuses: [], timestamp: '1' }),
      StopPodSandbox: async () => ({}),
    };
    const { starter } = starterOf({ runtime } as unknown as CriClient);
    await assert.rejects(starter.createSandbox(pod), { code: status.UNKNOWN });
    await assert.rejects(starter.createSandbox(pod), { code: status.UNKNOWN });
    assert.deepEqual(attempts, [0, (ended.metadata?.attempt ?? 0) + 1]);
  });

  test('is not asked for with users of its own where the runtime has none', async () => {
    const made: any[] = [];
    const handlers = [
      { name: '', features: { user_namespaces: false } },
      { name: 'own', features: null },
    ];
    const runtime = {
      Status: async () => ({ runtime_handlers: handlers }),
      RunPodSandbox: async ({ config }: any) => {
        made.push(config.linux.security_context.namespace_options.userns_options);
        return { pod_sandbox_id: 'sandbox-0' };
      },
      ListPodSandbox: async () => ({ items: [] }),
      PodSandboxStatus: async () => ({ status: runtimeSandbox(), containers_statuses: [], timestamp: '1' }),
    };
    const { starter, messages, counted } = starterOf({ runtime } as unknown as CriClient);
    const isolated: Pod = { ...pod, spec: { ...pod.spec, hostUsers: false } };
    const why = "can't set `spec.hostUsers: false`, runtime does not support user namespaces";
    await assert.rejects(starter.createSandbox(isolated), { message: why });
    assert.deepEqual(messages, [`Failed to create pod sandbox: ${why}`]);
    assert.deepEqual(made, []);
    handlers[0]!.features = { user_namespaces: true };
    await starter.createSandbox(isolated);
    assert.deepEqual(counted, ['started', 'failed', 'started']);
    const users: any = made[0];
    assert.deepEqual([users.mode, users.uids[0].host_id], ['POD', 65_536]);
  });

  test('nobody told of is removed with the pod', async () => {
    const { cri, removed } = runtimeWithUnknownSandbox(() => true);
    await new PodRuntime(cri, 'u', []).removeAll();
    assert.deepEqual(removed, ['sandbox-0']);
  });
});

test('nothing is started by a reading of the runtime from before the last start was through', async () => {
  const log = { warn: () => undefined };
  const clock = new FakeClock();
  const deps = { cri: {}, clock, log, events: { event: () => undefined } } as unknown as KubeletDeps;
  const starter = new PodStarter(deps, new PodRuntime(deps.cri, 'u', []), {} as PodVolumes);
  const start = (seen: number) =>
    new Promise<boolean>((resolve) => {
      starter.start(pod, ['app'], { seen, onDone: () => resolve(true) });
      if (!starter.isBusy) resolve(false);
    });
  const before = starter.finished;
  // It fails, as there is no sandbox; what counts is that it was tried.
  assert.equal(await start(before), true);
  await clock.advance(10_000);
  assert.equal(await start(before), false);
  assert.equal(await start(starter.finished), true);
});

test('a container that could not be started is tried again after a while, and at once when its image is another', async () => {
  const log = { warn: () => undefined };
  const clock = new FakeClock();
  const deps = { cri: {}, clock, log, events: { event: () => undefined } } as unknown as KubeletDeps;
  const starter = new PodStarter(deps, new PodRuntime(deps.cri, 'u', []), {} as PodVolumes);
  const other = { ...pod, spec: { containers: [{ name: 'app', image: 'app:2' }] } };
  const start = (which: Pod) =>
    new Promise<number | 'tried' | undefined>((resolve) => {
      const outlook = starter.start(which, ['app'], { seen: starter.finished, onDone: () => resolve('tried') });
      if (!starter.isBusy) resolve(outlook);
    });
  assert.equal(await start(pod), 'tried');
  assert.equal(await start(pod), 10_000);
  assert.equal(await start(other), 'tried');
  assert.equal(await start(other), 10_000);
  await clock.advance(10_000);
  assert.equal(await start(other), 'tried');
});

test('a container that ended by itself waits before it starts again; one that ended for a change does not', async () => {
  const ended = { ...runtimeContainer({ name: 'app', exitCode: 1 }), finished_at: '5000000000' };
  const cri = {
    runtime: {
      PodSandboxStatus: async () => ({ status: runtimeSandbox(), containers_statuses: [ended], timestamp: '1' }),
    },
  } as unknown as CriClient;
  for (const isReplaced of [false, true]) {
    const clock = new FakeClock(0);
    const events = { event: () => undefined };
    const deps = {
      cri,
      clock,
      log: { warn: () => undefined },
      events,
      cgroups: { create: () => '' },
      userNamespaces: { of: () => ({}) },
    };
    const runtime = new PodRuntime(cri, 'u', ['sandbox-0']);
    if (isReplaced) runtime.noteReplaced(ended.id);
    await runtime.refresh();
    const starter = new PodStarter(deps as unknown as KubeletDeps, runtime, {} as PodVolumes);
    // What is tried fails, as this runtime makes no containers: that is tried again after ten seconds.
    const waits: (number | undefined)[] = [];
    for (let attempt = 0; attempt < 2; attempt++) {
      await new Promise<void>((resolve) => {
        waits.push(starter.start(pod, ['app'], { seen: starter.finished, onDone: resolve }));
        if (!starter.isBusy) resolve();
      });
      await clock.advance(10_000);
    }
    assert.deepEqual(waits, isReplaced ? [undefined, undefined] : [undefined, 5_000]);
  }
});

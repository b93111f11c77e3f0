// The controllers in this process, against an API server of a test; and a stand-in for kubelets and scheduler.

import { isFinished } from '../../api/core/pod/columns.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { readKubeconfig } from '../../client/config.ts';
import type { Loop } from '../../client/controller.ts';
import { WatchingInformer } from '../../client/informer.ts';
import type { KubeClient } from '../../client/rest.ts';
import { startControllers } from '../../controllers/run.ts';
import { realClock } from '../../machinery/clock.ts';
import { createLogger, type Logger, silentLogger } from '../../machinery/log.ts';
import { realRandom } from '../../machinery/random.ts';
import type { TestControlPlane } from './control-plane.ts';

const testLog: Logger = process.env.K8TS_TEST_LOG ? createLogger('test', 'debug') : silentLogger;

export interface RunningControllers extends AsyncDisposable {
  /** Why any of them ended by itself, or what it could not deal with. */
  failures: readonly unknown[];
}

/** Runs controllers as the accounts that they run as in a cluster. */
export async function runControllers(api: TestControlPlane, controllers: readonly Loop[]): Promise<RunningControllers> {
  const abort = new AbortController();
  const failures: unknown[] = [];
  const error: Logger['error'] = (fields, message) => {
    failures.push((fields as { err?: unknown }).err ?? message);
    testLog.error(fields, message);
  };
  const log: Logger = { ...testLog, error, child: () => log };
  const config = readKubeconfig(await api.kubeconfig({ name: 'system:kube-controller-manager' }));
  const context = { clock: realClock, random: realRandom, log, signal: abort.signal };
  const running = startControllers(controllers, config, context, { useAccounts: true });
  return {
    failures,
    async [Symbol.asyncDispose]() {
      abort.abort();
      await running.stop();
    },
  };
}

export type PodOutcome = 'ready' | 'unready' | 'pending' | 'succeeded' | 'failed';

/** How a pod is to fare; by default it gets ready. An exit code goes with 'failed'. */
export type Fate = (pod: Pod) => PodOutcome;

/** Plays scheduler and kubelet: binds pods to a node, gives them a status by their fate, and lets deleted ones go. */
export function runFakeNode(client: KubeClient, fate: Fate = () => 'ready', nodeName = 'fake-node'): Disposable {
  const abort = new AbortController();
  const pods = client.resource(PodKind);
  const informer = new WatchingInformer(pods, {}, { clock: realClock, random: realRandom, log: silentLogger });
  let nextAddress = 1;
  const serve = async (pod: Pod) => {
    const { name = '', namespace = '', uid, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp) {
      await pods.delete({ namespace, name }, { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) });
      return;
    }
    if (!pod.spec.nodeName) {
      const target = { kind: 'Node', name: affinityNode(pod) ?? nodeName };
      await pods.createSubresource({ namespace, name }, 'binding', { metadata: { name }, target });
      return;
    }
    const outcome = fate(pod);
    if (outcome === 'pending' || isFinished(pod) || (pod.status?.phase === 'Running' && outcome.endsWith('ready')))
      return;
    const podIP = pod.status?.podIP ?? `10.99.0.${nextAddress++}`;
    await pods.updateStatus({
      ...pod,
      status: { ...pod.status, ...statusOf(pod, outcome), podIP, podIPs: [{ ip: podIP }] },
    });
  };
  informer.onChange((pod) => {
    if (pod) serve(pod).catch(() => undefined); // the next change of the pod brings it here again
  });
  void informer.run(abort.signal);
  return { [Symbol.dispose]: () => abort.abort() };
}

/** The one node that a daemon's pod is for. */
function affinityNode({ spec }: Pod): string | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms?.[0]?.matchFields?.[0]?.values?.[0];
}

function statusOf(pod: Pod, outcome: PodOutcome): NonNullable<Pod['status']> {
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  const isReady = outcome === 'ready';
  const phase = { ready: 'Running', unready: 'Running', pending: 'Pending', succeeded: 'Succeeded', failed: 'Failed' }[
    outcome
  ];
  const ended = { exitCode: outcome === 'failed' ? 1 : 0, reason: 'Completed', startedAt: time, finishedAt: time };
  const condition = (type: string) => ({
    type,
    status: isReady ? 'True' : 'False',
    lastProbeTime: null as never,
    lastTransitionTime: time,
  });
  return {
    phase,
    startTime: time,
    conditions: [condition('Ready'), condition('ContainersReady')],
    containerStatuses: (pod.spec.containers ?? []).map((c) => ({
      name: c.name,
      image: c.image ?? '',
      imageID: '',
      ready: isReady,
      restartCount: 0,
      state: phase === 'Running' ? { running: { startedAt: time } } : { terminated: ended },
    })),
  } as NonNullable<Pod['status']>;
}

const waitDeadlineMs = 20_000;

/** Asks until the answer satisfies; fails with the last answer. For tests only: they have no business with watches. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  satisfies: (answer: T) => boolean,
): Promise<T> {
  const deadline = realClock.monotonicMs() + waitDeadlineMs;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (realClock.monotonicMs() > deadline) throw new Error(`not in time: ${what}\n${JSON.stringify(answer, null, 1)}`);
    await realClock.sleep(25);
  }
}

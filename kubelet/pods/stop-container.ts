// Stops one container: preStop within the grace period, the wait for its turn, then the stop
// signal, then SIGKILL. Upstream: killContainer.

import type { ProbeTarget } from '../probes/probe-result.ts';
import { runHook } from './hooks.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { ifKnown } from './pod-runtime.ts';
import { eventTarget } from './pod-text.ts';

export interface StopContext extends ProbeTarget {
  graceSeconds: number;
  /** The text of the Killing event. */
  message: string;
  /**
   * The signal is aborted when the grace period has been cut short to what is then left; from then
   * on there is another.
   */
  hurry?: { readonly signal: AbortSignal; leftSeconds(): number };
  /** Resolves when those that have to end before it have; it is waited for no longer than the grace period. */
  turn?: Promise<void>;
}

/** The least a container gets between the stop signal and SIGKILL, however long preStop took. */
const minStopSeconds = 2;

/** Resolves when the container has ended. */
export async function stopContainer(deps: KubeletDeps, context: StopContext): Promise<void> {
  const { pod, container, containerId } = context;
  const { clock, events, cri } = deps;
  events.event(eventTarget(pod, container.name), 'Normal', 'Killing', context.message);
  const startMs = clock.monotonicMs();
  const hook = container.lifecycle?.preStop;
  if (hook && context.graceSeconds > 0) await runPreStop(deps, context);
  const leftSeconds = () =>
    context.hurry?.leftSeconds() ?? context.graceSeconds - Math.floor((clock.monotonicMs() - startMs) / 1000);
  if (context.turn) await waitForTurn(deps, context, leftSeconds);
  const left = Math.max(minStopSeconds, leftSeconds());
  // One that somebody else has removed has ended.
  await ifKnown(cri.runtime.StopContainer({ container_id: containerId, timeout: String(left) }));
}

async function waitForTurn({ clock }: KubeletDeps, context: StopContext, leftSeconds: () => number): Promise<void> {
  let isMyTurn = false;
  const turn = context.turn!.then(() => {
    isMyTurn = true;
  });
  // A shorter time wakes it, to wait on for that.
  while (!isMyTurn && leftSeconds() > 0) {
    const wait = new AbortController();
    const signal = context.hurry ? AbortSignal.any([wait.signal, context.hurry.signal]) : wait.signal;
    await Promise.race([turn, clock.sleep(leftSeconds() * 1000, signal).catch(() => undefined)]);
    wait.abort();
  }
}

/** Runs the hook for at most the grace period. Its failure is told and stops nothing. */
async function runPreStop(deps: KubeletDeps, context: StopContext): Promise<void> {
  const { pod, container, containerId, podIp, graceSeconds } = context;
  const timeout = new AbortController();
  const timer = deps.clock.after(graceSeconds * 1000, () => timeout.abort(new Error('the grace period is over')));
  const signal = context.hurry ? AbortSignal.any([timeout.signal, context.hurry.signal]) : timeout.signal;
  try {
    await Promise.race([
      runHook(deps, container.lifecycle!.preStop!, { pod, container, containerId, podIp, signal }),
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    ]);
  } catch (err) {
    if (signal.aborted) return;
    const message = 'PreStopHook failed';
    deps.log.info({ err, pod: pod.metadata.name, container: container.name }, message);
    deps.events.event(eventTarget(pod, container.name), 'Warning', 'FailedPreStopHook', message);
  } finally {
    timer.cancel();
  }
}

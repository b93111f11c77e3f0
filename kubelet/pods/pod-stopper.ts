// Ends all containers of a pod within one grace period, which may still be cut short. All hear of
// it at once; the stop signal goes to the containers proper together, then to the sidecars in
// reverse order. Upstream: killContainersWithSyncResult and termination_order.go.

import { isSidecar } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { defaultGraceSeconds, findContainer, initContainersOf } from './pod-text.ts';
import { nameOf, type RuntimeState, runningContainers } from './runtime-state.ts';
import { type StopContext, stopContainer } from './stop-container.ts';

interface Stop {
  /** When the container is killed at the latest. */
  untilMs: number;
  hurry: AbortController;
  isWaiting: boolean;
  /** The runtime has answered; what was read of it before may still show the container as running. */
  isOver: boolean;
  takeTurn(): void;
}

interface StopOptions extends Pick<StopContext, 'message' | 'graceSeconds' | 'podIp'> {
  /** Others have to end first: it gets no stop signal until `stopAll` finds that they have. */
  waits?: boolean;
  /** The runtime has stopped it. */
  onEnd?(): void;
}

export class PodStopper {
  readonly #deps: KubeletDeps;
  readonly #onStopped: () => void;
  readonly #stopping = new Map<string, Stop>();
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(deps: KubeletDeps, onStopped: () => void) {
    this.#deps = deps;
    this.#onStopped = onStopped;
  }

  isStopping(containerId: string): boolean {
    return this.#stopping.has(containerId);
  }

  /** The runtime is about to be read: it will show what the stops that are over have done. */
  forgetEnded(): void {
    for (const [id, stop] of this.#stopping) if (stop.isOver) this.#stopping.delete(id);
  }

  /** Stops one container, after which the worker looks again; once, until `forgetEnded`. */
  stop(pod: Pod, container: ContainerStatus, { waits = false, onEnd, ...options }: StopOptions): void {
    if (this.#stopping.has(container.id)) return;
    const spec = findContainer(pod, nameOf(container)) ?? { name: nameOf(container) };
    const { promise: turn, resolve } = Promise.withResolvers<void>();
    const stop: Stop = {
      untilMs: this.#deps.clock.monotonicMs() + options.graceSeconds * 1000,
      hurry: new AbortController(),
      isWaiting: waits,
      isOver: false,
      takeTurn() {
        stop.isWaiting = false;
        resolve();
      },
    };
    this.#stopping.set(container.id, stop);
    stopContainer(this.#deps, {
      pod,
      container: spec,
      containerId: container.id,
      hurry: {
        get signal() {
          return stop.hurry.signal;
        },
        leftSeconds: () => this.#secondsUntil(stop.untilMs),
      },
      ...(waits ? { turn } : {}),
      ...options,
    })
      .then(onEnd)
      .catch((err) => {
        this.#deps.log.warn({ err, container: container.id }, 'a container could not be stopped; trying again');
        return this.#deps.clock.sleep(1_000);
      })
      .finally(() => {
        stop.isOver = true;
        this.#onStopped();
      });
  }

  #secondsUntil(atMs: number): number {
    return Math.max(0, Math.ceil((atMs - this.#deps.clock.monotonicMs()) / 1000));
  }

  /**
   * Allows the pod `graceSeconds` from now on. A later, shorter time cuts an earlier one short; a
   * longer one changes nothing.
   */
  limitGrace(graceSeconds: number): void {
    const atMs = this.#deps.clock.monotonicMs() + graceSeconds * 1000;
    if (atMs >= this.#deadlineMs) return;
    this.#deadlineMs = atMs;
    const timeout = String(Math.max(1, graceSeconds));
    for (const [id, stop] of this.#stopping) {
      if (stop.isOver || stop.untilMs <= atMs) continue;
      stop.untilMs = atMs;
      const { hurry } = stop;
      stop.hurry = new AbortController();
      hurry.abort(new Error('the grace period was cut short'));
      if (stop.isWaiting) continue;
      // Its own stop is under way and reports the end; this one only makes it sooner.
      this.#deps.cri.runtime.StopContainer({ container_id: id, timeout }).catch((err) => {
        this.#deps.log.debug({ err, container: id }, 'a stop could not be hastened');
      });
    }
  }

  /** Stops all that runs, and gives the next in order their turn. True when nothing runs any more. */
  stopAll(pod: Pod, state: RuntimeState, podIp: string): boolean {
    const running = runningContainers(state);
    for (const [id, stop] of this.#stopping) if (!running.some((c) => c.id === id)) stop.takeTurn();
    if (running.length === 0) return true;
    const { terminationGracePeriodSeconds = defaultGraceSeconds } = pod.spec;
    const graceSeconds = Number.isFinite(this.#deadlineMs)
      ? this.#secondsUntil(this.#deadlineMs)
      : terminationGracePeriodSeconds;
    const next = new Set(nextToStop(pod, running).map(({ id }) => id));
    for (const container of running) {
      const message = `Stopping container ${nameOf(container)}`;
      this.stop(pod, container, { message, graceSeconds, podIp, waits: !next.has(container.id) });
      if (next.has(container.id)) this.#stopping.get(container.id)?.takeTurn();
    }
    return false;
  }
}

function nextToStop(pod: Pod, running: readonly ContainerStatus[]): readonly ContainerStatus[] {
  const sidecars = initContainersOf(pod).filter(isSidecar);
  const rank = (c: ContainerStatus) => sidecars.findIndex((s) => s.name === nameOf(c));
  const proper = running.filter((c) => rank(c) < 0);
  if (proper.length > 0) return proper;
  return [...running].sort((a, b) => rank(b) - rank(a)).slice(0, 1);
}

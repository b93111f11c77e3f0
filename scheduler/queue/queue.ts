// Pods that wait for a node, in three places:
//
//   active ──taken──> (cycle) ──no node──> unschedulable ──an event that may help──> backoff ──time──> active
//                        └──an error────────────────────────────────────────────────> backoff
//
// Active pods come out by priority, then by age. An event moves only the pods whose rejecting
// plugins say that it may help them.
import type { Pod } from '../../api/core/pod.ts';
import type { Clock, Timer } from '../../machinery/clock.ts';
import { keyOf } from '../../machinery/metadata.ts';
import type { ClusterEvent, Plugin } from '../framework/plugin.ts';
import { type PodInfo, podInfoOf } from '../framework/pod-info.ts';

export interface QueuedPod {
  info: PodInfo;
  key: string;
  attempts: number;
  addedAtMs: number;
  /** When its last cycle ended without a node; its back-off counts from there. */
  failedAtMs: number;
  rejectedBy: readonly Plugin[];
}

const firstBackoffMs = 1_000;
const maxBackoffMs = 10_000;
const maxUnschedulableMs = 5 * 60_000;
const sweepPeriodMs = 30_000;

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #gates: readonly Plugin[];
  readonly #active: QueuedPod[] = [];
  readonly #backoff = new Map<string, { pod: QueuedPod; timer: Timer }>();
  readonly #unschedulable = new Map<string, QueuedPod>();
  readonly #gated = new Map<string, Pod>();
  readonly #inCycle = new Map<string, { pod: QueuedPod; events: ClusterEvent[] }>();
  #onActive: () => void = () => undefined;
  readonly #sweep: Timer;

  constructor(clock: Clock, plugins: readonly Plugin[]) {
    this.#clock = clock;
    this.#gates = plugins.filter((p) => p.preEnqueue);
    this.#sweep = clock.every(sweepPeriodMs, () => this.#sweepUnschedulable());
  }

  /** Called whenever there may be an active pod. */
  onActive(listener: () => void): void {
    this.#onActive = listener;
  }

  /** A pod without a node has appeared or changed. */
  set(pod: Pod): void {
    const key = keyOf(pod);
    const held = this.#gates.some((g) => g.preEnqueue!(pod).code !== 'Success');
    const known = this.#take(key);
    if (held) {
      this.#gated.set(key, pod);
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const queued: QueuedPod = known ?? {
      info: podInfoOf(pod),
      key,
      attempts: 0,
      addedAtMs: nowMs,
      failedAtMs: nowMs,
      rejectedBy: [],
    };
    queued.info = podInfoOf(pod);
    const running = this.#inCycle.get(key);
    if (running) running.pod.info = queued.info;
    else this.#activate(queued);
  }

  /** The pod is gone or has a node. */
  delete(key: string): void {
    this.#take(key);
    this.#inCycle.delete(key);
  }

  /** Removes a pod from wherever it waits. */
  #take(key: string): QueuedPod | undefined {
    this.#gated.delete(key);
    const unschedulable = this.#unschedulable.get(key);
    if (unschedulable) {
      this.#unschedulable.delete(key);
      return unschedulable;
    }
    const waiting = this.#backoff.get(key);
    if (waiting) {
      waiting.timer.cancel();
      this.#backoff.delete(key);
      return waiting.pod;
    }
    const at = this.#active.findIndex((p) => p.key === key);
    return at < 0 ? undefined : this.#active.splice(at, 1)[0];
  }

  #activate(pod: QueuedPod): void {
    const at = insertionPoint(this.#active, pod);
    this.#active.splice(at, 0, pod);
    this.#onActive();
  }

  /** The next pod to schedule. It is in its cycle until `done`, `reject` or `retry`. */
  pop(): QueuedPod | undefined {
    const pod = this.#active.pop();
    if (pod) {
      pod.attempts++;
      this.#inCycle.set(pod.key, { pod, events: [] });
    }
    return pod;
  }

  isInCycle(key: string): boolean {
    return this.#inCycle.has(key);
  }

  done(pod: QueuedPod): void {
    this.#endCycle(pod);
  }

  /**
   * The events that came meanwhile; undefined where the pod is gone, and perhaps another one of its
   * name is in a cycle.
   */
  #endCycle(pod: QueuedPod): readonly ClusterEvent[] | undefined {
    const cycle = this.#inCycle.get(pod.key);
    if (cycle?.pod !== pod) return undefined;
    this.#inCycle.delete(pod.key);
    return cycle.events;
  }

  /** No node fits: waits for an event that may help. */
  reject(pod: QueuedPod, rejectedBy: readonly Plugin[]): void {
    const events = this.#endCycle(pod);
    if (!events) return;
    pod.rejectedBy = rejectedBy;
    pod.failedAtMs = this.#clock.monotonicMs();
    if (events.some((event) => mayHelp(pod, event))) this.#backOff(pod);
    else this.#unschedulable.set(pod.key, pod);
  }

  /** Something failed that has nothing to do with fitting. */
  retry(pod: QueuedPod): void {
    if (!this.#endCycle(pod)) return;
    pod.failedAtMs = this.#clock.monotonicMs();
    this.#backOff(pod);
  }

  #backOff(pod: QueuedPod): void {
    const waitMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.max(0, pod.attempts - 1));
    const leftMs = pod.failedAtMs + waitMs - this.#clock.monotonicMs();
    if (leftMs <= 0) {
      this.#activate(pod);
      return;
    }
    const timer = this.#clock.after(leftMs, () => {
      this.#backoff.delete(pod.key);
      this.#activate(pod);
    });
    this.#backoff.set(pod.key, { pod, timer });
  }

  /** Moves the pods that the event may help. */
  onEvent(event: ClusterEvent): void {
    for (const cycle of this.#inCycle.values()) cycle.events.push(event);
    for (const [key, pod] of this.#unschedulable) {
      if (!mayHelp(pod, event)) continue;
      this.#unschedulable.delete(key);
      this.#backOff(pod);
    }
  }

  #sweepUnschedulable(): void {
    const before = this.#clock.monotonicMs() - maxUnschedulableMs;
    for (const [key, pod] of this.#unschedulable) {
      if (pod.failedAtMs > before) continue;
      this.#unschedulable.delete(key);
      this.#backOff(pod);
    }
  }

  /** How many pods wait where, for metrics. */
  counts(): { active: number; backoff: number; unschedulable: number; gated: number } {
    return {
      active: this.#active.length,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size,
      gated: this.#gated.size,
    };
  }

  close(): void {
    this.#sweep.cancel();
    for (const { timer } of this.#backoff.values()) timer.cancel();
  }
}

function mayHelp(pod: QueuedPod, event: ClusterEvent): boolean {
  return pod.rejectedBy.length === 0 || pod.rejectedBy.some((plugin) => plugin.mayHelp?.(event, pod.info));
}

const priorityOf = (pod: QueuedPod) => pod.info.pod.spec.priority ?? 0;

/** Where a pod goes in a list that is taken from the end: highest priority and oldest last. */
function insertionPoint(list: readonly QueuedPod[], pod: QueuedPod): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    const other = list[mid]!;
    const before = priorityOf(other) - priorityOf(pod) || pod.addedAtMs - other.addedAtMs;
    if (before < 0 || (before === 0 && other.key > pod.key)) low = mid + 1;
    else high = mid;
  }
  return low;
}

// Pods that wait for a node, in three places:
//
//   active ──taken──> (cycle) ──no node──> unschedulable ──an event that may help──> backoff ──time──> active
//                        └──an error────────────────────────────────────────────────> backoff
//
// Active pods come out by priority, then by age. An event moves only the pods whose rejecting
// plugins say that it may help them. Where none is active those that back off come out before their time, but for the ones
// that failed by an error (upstream: SchedulerPopFromBackoffQ).
import type { Pod } from '../../api/core/pod.ts';
import type { Clock, Timer } from '../../machinery/clock.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { type ClusterEvent, labelOf, type Plugin } from '../framework/plugin.ts';
import { type PodInfo, podInfoOf } from '../framework/pod-info.ts';
import type { SchedulerMetrics, SchedulerState } from '../metrics.ts';
import { EventLog } from './event-log.ts';
import { Heap } from './heap.ts';

export interface QueuedPod {
  info: PodInfo;
  key: string;
  attempts: number;
  /** Cycles that found no node; and failures in a row that had nothing to do with that. Its back-off grows by them. */
  refusals: number;
  errors: number;
  addedAtMs: number;
  /** When its last cycle began. */
  takenAtMs: number;
  /** When its last cycle ended without a node; its back-off counts from there. */
  failedAtMs: number;
  rejectedBy: readonly Plugin[];
}

/** An active pod as it stands in the order: one that becomes active anew has another entry. */
interface Entry {
  pod: QueuedPod;
  priority: number;
}

/** The same of one that backs off. */
interface Waiting extends Entry {
  timer: Timer;
  dueSecond: number;
}

/** How long a pod waits after a cycle without a node: doubled each time, up to the most. */
export interface Backoff {
  initialSeconds: number;
  maxSeconds: number;
}

// Why pods come into queues, as metrics say it.
const podAdded = 'UnschedulablePodAdd';
const podChanged = 'UnschedulablePodUpdate';
const gatesGone = 'UnschedulablePodUpdatePodSchedulingGatesEliminated';
const attemptFailed = 'ScheduleAttemptFailure';

type QueueMetrics = Pick<SchedulerMetrics, 'incoming' | 'handled' | 'hinted'>;

/** At one of so many events the plugins are timed that are asked whether it helps. */
const sampledEvents = 10;
const maxUnschedulableMs = 5 * 60_000;
const sweepPeriodMs = 30_000;

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #gatesOf: (pod: Pod) => readonly Plugin[];
  readonly #waits: Backoff;
  readonly #metrics: QueueMetrics;
  readonly #active = new Map<string, Entry>();
  /** Those that are active, and entries of some that no longer are. */
  readonly #order = new Heap<Entry>(comesBefore);
  readonly #backoff = new Map<string, Waiting>();
  /** Those that may come out before their time, and some that no longer back off. */
  readonly #soonest = new Heap<Waiting>(
    (a, b) => a.dueSecond < b.dueSecond || (a.dueSecond === b.dueSecond && comesBefore(a, b)),
  );
  readonly #unschedulable = new Map<string, QueuedPod>();
  readonly #gated = new Map<string, Pod>();
  readonly #inCycle = new Map<string, QueuedPod>();
  readonly #events = new EventLog();
  #eventsSeen = 0;
  #onActive: () => void = () => undefined;
  readonly #sweep: Timer;

  /** `gatesOf` answers the plugins with preEnqueue that hold for a pod. */
  constructor(clock: Clock, gatesOf: (pod: Pod) => readonly Plugin[], backoff: Backoff, metrics: QueueMetrics) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#gatesOf = gatesOf;
    this.#waits = backoff;
    this.#sweep = clock.every(sweepPeriodMs, () => this.#sweepUnschedulable());
  }

  /** Called whenever there may be an active pod. */
  onActive(listener: () => void): void {
    this.#onActive = listener;
  }

  /** A pod without a node has appeared or changed. */
  set(pod: Pod): void {
    const key = keyOf(pod);
    const waiting = this.#backoff.get(key);
    if (waiting) {
      waiting.pod.info = podInfoOf(pod);
      return;
    }
    const held = this.#gatesOf(pod).some((g) => g.preEnqueue!(pod).code !== 'Success');
    const wasHeld = this.#gated.has(key);
    const known = this.#take(key);
    const event = wasHeld ? gatesGone : known ? podChanged : podAdded;
    if (held) {
      this.#gated.set(key, pod);
      if (!wasHeld) this.#metrics.incoming('unschedulable', event);
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const queued: QueuedPod = known ?? {
      info: podInfoOf(pod),
      key,
      attempts: 0,
      refusals: 0,
      errors: 0,
      addedAtMs: nowMs,
      takenAtMs: nowMs,
      failedAtMs: nowMs,
      rejectedBy: [],
    };
    queued.info = podInfoOf(pod);
    const running = this.#inCycle.get(key);
    if (running) running.info = queued.info;
    else this.#activate(queued, event);
  }

  /** The pod is gone or has a node. */
  delete(key: string): void {
    this.#take(key);
    const running = this.#inCycle.get(key);
    if (running) this.#endCycle(running);
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
    const entry = this.#active.get(key);
    this.#active.delete(key);
    return entry?.pod;
  }

  #activate(pod: QueuedPod, event: string): void {
    this.#metrics.incoming('active', event);
    const entry = entryOf(pod);
    this.#active.set(pod.key, entry);
    this.#order.push(entry);
    this.#onActive();
  }

  /** The next pod to schedule. It is in its cycle until `done`, `reject` or `retry`. */
  pop(): QueuedPod | undefined {
    for (let entry = this.#order.pop(); entry; entry = this.#order.pop()) {
      const { pod } = entry;
      if (this.#active.get(pod.key) !== entry) continue; // it was taken out
      this.#active.delete(pod.key);
      return this.#begin(pod);
    }
    const early = this.#soonestWaiting();
    if (!early) return undefined;
    this.#take(early.pod.key);
    this.#metrics.incoming('active', 'PopFromBackoffQ');
    return this.#begin(early.pod);
  }

  #begin(pod: QueuedPod): QueuedPod {
    pod.attempts++;
    pod.takenAtMs = this.#clock.monotonicMs();
    this.#inCycle.set(pod.key, pod);
    this.#events.begin(pod);
    return pod;
  }

  /** The one whose back-off is over first. */
  #soonestWaiting(): Waiting | undefined {
    let first = this.#soonest.peek();
    while (first && this.#backoff.get(first.pod.key) !== first) {
      this.#soonest.pop();
      first = this.#soonest.peek();
    }
    return first;
  }

  /** It has its node, though it is not bound yet: nothing that happens now is for it. */
  found(pod: QueuedPod): void {
    this.#events.end(pod);
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
    if (this.#inCycle.get(pod.key) !== pod) return undefined;
    this.#inCycle.delete(pod.key);
    return this.#events.end(pod);
  }

  /** No node fits: waits for an event that may help. */
  reject(pod: QueuedPod, rejectedBy: readonly Plugin[]): void {
    const events = this.#endCycle(pod);
    if (!events) return;
    pod.rejectedBy = rejectedBy;
    pod.refusals++;
    pod.errors = 0;
    pod.failedAtMs = this.#clock.monotonicMs();
    if (events.some((event) => mayHelp(pod, event))) {
      this.#backOff(pod, attemptFailed);
      return;
    }
    this.#unschedulable.set(pod.key, pod);
    this.#metrics.incoming('unschedulable', attemptFailed);
  }

  /** Something failed that has nothing to do with fitting. */
  retry(pod: QueuedPod): void {
    if (!this.#endCycle(pod)) return;
    pod.errors++;
    pod.failedAtMs = this.#clock.monotonicMs();
    this.#backOff(pod, attemptFailed);
  }

  #backOff(pod: QueuedPod, event: string): void {
    const { initialSeconds, maxSeconds } = this.#waits;
    const waitMs = 1_000 * Math.min(maxSeconds, initialSeconds * 2 ** ((pod.errors || pod.refusals) - 1));
    const leftMs = pod.failedAtMs + waitMs - this.#clock.monotonicMs();
    if (leftMs <= 0) {
      this.#activate(pod, event);
      return;
    }
    const timer = this.#clock.after(leftMs, () => {
      this.#backoff.delete(pod.key);
      this.#soonestWaiting();
      this.#activate(pod, 'BackoffComplete');
    });
    this.#metrics.incoming('backoff', event);
    // Those of one second come by their priority.
    const dueSecond = Math.floor((this.#clock.monotonicMs() + leftMs) / 1_000);
    const waiting = { ...entryOf(pod), timer, dueSecond };
    this.#backoff.set(pod.key, waiting);
    if (pod.errors > 0) return;
    this.#soonest.push(waiting);
    this.#onActive();
  }

  /** Moves the pods that the event may help. */
  onEvent(event: ClusterEvent): void {
    const startMs = this.#clock.monotonicMs();
    const label = labelOf(event);
    const ask = this.#eventsSeen++ % sampledEvents === 0 ? this.#timed(label) : helps;
    this.#events.add(event);
    for (const [key, pod] of this.#unschedulable) {
      if (!mayHelp(pod, event, ask)) continue;
      this.#unschedulable.delete(key);
      this.#backOff(pod, label);
    }
    this.#metrics.handled(label, this.#clock.monotonicMs() - startMs);
  }

  #timed(label: string): typeof helps {
    return (plugin, event, pod) => {
      const startMs = this.#clock.monotonicMs();
      const answer = helps(plugin, event, pod);
      this.#metrics.hinted([plugin.name, label, answer ? 'Queue' : 'QueueSkip'], this.#clock.monotonicMs() - startMs);
      return answer;
    };
  }

  #sweepUnschedulable(): void {
    const before = this.#clock.monotonicMs() - maxUnschedulableMs;
    for (const [key, pod] of this.#unschedulable) {
      if (pod.failedAtMs > before) continue;
      this.#unschedulable.delete(key);
      this.#backOff(pod, 'UnschedulableTimeout');
    }
  }

  /** How many pods wait where, for metrics. */
  counts(): SchedulerState['pending'] {
    return {
      active: this.#active.size,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size,
      gated: this.#gated.size,
    };
  }

  /** Pods that were turned down and wait. */
  *rejected(): Iterable<QueuedPod> {
    yield* this.#unschedulable.values();
    for (const { pod } of this.#backoff.values()) yield pod;
  }

  close(): void {
    this.#sweep.cancel();
    for (const { timer } of this.#backoff.values()) timer.cancel();
  }
}

const helps = (plugin: Plugin, event: ClusterEvent, { info }: QueuedPod): boolean =>
  plugin.mayHelp?.(event, info) ?? false;

function mayHelp(pod: QueuedPod, event: ClusterEvent, ask = helps): boolean {
  return pod.rejectedBy.length === 0 || pod.rejectedBy.some((plugin) => ask(plugin, event, pod));
}

const entryOf = (pod: QueuedPod): Entry => ({ pod, priority: pod.info.pod.spec.priority ?? 0 });

/** Highest priority first, then oldest. */
function comesBefore(a: Entry, b: Entry): boolean {
  const order = b.priority - a.priority || a.pod.addedAtMs - b.pod.addedAtMs;
  return order < 0 || (order === 0 && a.pod.key < b.pod.key);
}

// One of several replicas leads: whoever holds a Lease, which it renews. The others look at it again and again and take
// it over once it has not changed for its whole duration, by a clock of their own that never goes back: times that others
// wrote into it are never compared with ours. Upstream: client-go/tools/leaderelection.
//
//   acquire ──held──> hold ──not renewed in time, or taken──> lost: end the process, so that nothing goes on half
//                       └── asked to end: what it led has stopped ──> release, and the next may have it at once
//
// A holder gives up before others may take over: renewDeadline counts from before the last renewal that succeeded was
// sent, leaseDuration from after it was seen.
import { type Lease, LeaseKind, type LeaseSpec } from '../api/coordination/lease.ts';
import type { Clock } from '../machinery/clock.ts';
import { isAlreadyExists, isConflict, isNotFound, unlessGone } from '../machinery/errors.ts';
import type { Logger } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import { microTimestamp } from '../machinery/timestamp.ts';
import type { EventTarget } from './events.ts';
import type { ResourceClient } from './rest.ts';

export interface ElectionOptions {
  namespace: string;
  name: string;
  /** Whoever comes with the identity of the holder is the holder, started again, and waits for nothing. */
  identity: string;
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
}

export interface ElectionDeps {
  leases: ResourceClient<Lease>;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Tells of an event of the lease. */
  event(target: EventTarget, reason: string, message: string): void;
}

export type LossReason = 'not renewed in time' | 'taken by another process';

/** So much longer, at most, a candidate waits between two looks. Upstream: JitterFactor. */
const jitter = 1.2;
/** How long at most a candidate waits that has not reached the server yet. */
const unseenRetryMs = 1_000;

export class LeaderElector {
  readonly #options: ElectionOptions;
  readonly #deps: ElectionDeps;
  /** The lease as it was last seen, and when that was first seen. */
  #seen: { spec: LeaseSpec; atMs: number } | undefined;
  #lease: Lease | undefined;
  /** What was written as this process, or may have been, of the lease as it is. */
  #written = new Set<string>();
  #untilMs = Number.NEGATIVE_INFINITY;
  #wasTaken = false;
  /** Lost or given back: nothing makes this process lead again. */
  #isOver = false;

  constructor(options: ElectionOptions, deps: ElectionDeps) {
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = options;
    if (leaseDurationMs < 1000) throw new Error('the lease duration must be one second or more');
    if (leaseDurationMs <= renewDeadlineMs)
      throw new Error('the lease duration must be greater than the renew deadline');
    if (renewDeadlineMs <= retryPeriodMs * jitter) {
      throw new Error(`the renew deadline must be greater than ${jitter} times the retry period`);
    }
    if (retryPeriodMs <= 0) throw new Error('the retry period must be greater than zero');
    this.#options = options;
    this.#deps = deps;
  }

  /** Whether this process may act. */
  leads(): boolean {
    return !this.#isOver && this.#deps.clock.monotonicMs() < this.#untilMs;
  }

  /** Who held the lease when it was last looked at; undefined before the first look. */
  holder(): string | undefined {
    return this.#seen?.spec.holderIdentity;
  }

  /** Waits until this process leads. Rejects with the signal's reason. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    for (;;) {
      signal.throwIfAborted();
      await this.#try(signal);
      if (this.leads()) break;
      // As long as nothing is known of the lease there is no server to be spared.
      const periodMs = Math.min(this.#options.retryPeriodMs, this.#seen ? Number.POSITIVE_INFINITY : unseenRetryMs);
      await clock.sleep(periodMs * (1 + random.next() * jitter), signal);
    }
    this.#tell('became leader');
  }

  /** Renews the lease: resolves with why it is lost, or with undefined once the signal is aborted. */
  async hold(signal: AbortSignal): Promise<LossReason | undefined> {
    const { clock } = this.#deps;
    const { retryPeriodMs } = this.#options;
    while (!signal.aborted) {
      // Nothing waits beyond the deadline, whatever the server does.
      const leftMs = this.#untilMs - clock.monotonicMs();
      await clock.sleep(Math.min(retryPeriodMs, Math.max(0, leftMs)), signal).catch(() => undefined);
      if (signal.aborted) break;
      const end = new AbortController();
      const late = clock.sleep(Math.max(0, this.#untilMs - clock.monotonicMs()), end.signal).catch(() => undefined);
      await Promise.race([this.#try(signal), late]);
      end.abort();
      if (this.leads()) continue;
      this.#isOver = true;
      this.#tell('stopped leading');
      return this.#wasTaken ? 'taken by another process' : 'not renewed in time';
    }
    return undefined;
  }

  /** Lets the next one have the lease; only once everything that was led has ended. */
  async release(): Promise<void> {
    if (!this.leads() || !this.#lease) return;
    const { leases, log } = this.#deps;
    this.#isOver = true;
    const time = this.#time();
    const spec = {
      ...this.#lease.spec,
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: time,
      acquireTime: time,
    };
    try {
      await leases.update({ ...this.#lease, spec });
      this.#tell('stopped leading');
    } catch (err) {
      log.warn({ err }, 'the lease was not released: others wait until it has run out');
    }
  }

  /** Takes the lease or renews it, when it may; failing is everyday. */
  async #try(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      // From the lease as it is known: one request. What became of a renewal whose answer was lost, a look tells.
      if (this.#lease && this.leads() && (await this.#write(this.#lease, signal))) return;
      await this.#look();
      if (this.#wasTaken || signal.aborted) return;
      const { holderIdentity: holder, leaseDurationSeconds = 0 } = this.#seen?.spec ?? {};
      const isFree = !holder || holder === this.#options.identity;
      if (!isFree && this.#seen!.atMs + leaseDurationSeconds * 1000 >= clock.monotonicMs()) return;
      await this.#write(this.#lease, signal);
    } catch (err) {
      log.debug({ err }, 'the lease was not reached');
    }
  }

  /** Looks at the lease. A holder learns here whether another process has it, be it of the same identity. */
  async #look(): Promise<void> {
    const { leases, clock } = this.#deps;
    const { namespace, name } = this.#options;
    const found = await unlessGone(leases.get({ namespace, name }));
    this.#lease = found;
    const spec = found?.spec ?? {};
    if (found && this.leads() && !this.#written.has(markOf(spec))) {
      this.#wasTaken = true;
      this.#isOver = true;
    }
    if (!this.#seen || markOf(this.#seen.spec) !== markOf(spec)) this.#seen = { spec, atMs: clock.monotonicMs() };
  }

  /** Writes us down as the holder; false when somebody was faster. */
  async #write(lease: Lease | undefined, signal: AbortSignal): Promise<boolean> {
    const { leases, clock } = this.#deps;
    const { namespace, name, identity, leaseDurationMs, renewDeadlineMs } = this.#options;
    const startedMs = clock.monotonicMs();
    const old = lease?.spec ?? {};
    const isOurs = old.holderIdentity === identity;
    const time = this.#time();
    const spec: LeaseSpec = {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      acquireTime: isOurs && old.acquireTime ? old.acquireTime : time,
      renewTime: time,
      leaseTransitions: (old.leaseTransitions ?? 0) + (isOurs || !lease ? 0 : 1),
    };
    this.#written.add(markOf(spec));
    try {
      const written = lease
        ? await leases.update({ ...lease, spec })
        : await leases.create({ metadata: { namespace, name }, spec });
      this.#lease = written;
      this.#written = new Set([markOf(written.spec)]);
      this.#seen = { spec: written.spec, atMs: clock.monotonicMs() };
      // An answer that comes after the end changes nothing: who led has been told to stop.
      if (!signal.aborted) this.#untilMs = startedMs + renewDeadlineMs;
      return true;
    } catch (err) {
      if (isConflict(err) || isAlreadyExists(err) || isNotFound(err)) return false;
      throw err;
    }
  }

  /** The time, with microseconds by chance: no two writings are the same, whoever wrote them. */
  #time(): string {
    const { clock, random } = this.#deps;
    const micros = String(Math.floor(random.next() * 1000)).padStart(3, '0');
    return microTimestamp(clock.now()).replace(/000Z$/, `${micros}Z`);
  }

  #tell(what: string): void {
    const { kind, apiVersion } = LeaseKind;
    const object = this.#lease ?? { metadata: { namespace: this.#options.namespace, name: this.#options.name } };
    this.#deps.log.info({ lease: this.#options.name, identity: this.#options.identity }, what);
    this.#deps.event({ kind, apiVersion, object }, 'LeaderElection', `${this.#options.identity} ${what}`);
  }
}

/** What tells one writing of a lease from another; labels may change meanwhile. */
function markOf({ holderIdentity, acquireTime, renewTime, leaseTransitions }: LeaseSpec): string {
  return JSON.stringify([holderIdentity ?? '', acquireTime, renewTime, leaseTransitions]);
}

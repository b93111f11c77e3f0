// The client of an etcd of one or several members. One member is asked, until it fails; then the next. Writes are
// compare-and-swap transactions that are sent once: an outcome that we did not see is an error, never a blind retry, for
// what a hanging member was sent it may still carry out. What was certainly not carried out, and what only reads, is
// sent to another member. The watch is where the calls are, so that what is noticed of the one helps the other.
import type { Clock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import {
  CompactedError,
  type Etcd,
  type EtcdEntry,
  EtcdNoSpaceError,
  type EtcdPage,
  EtcdTooLargeError,
  EtcdUnavailableError,
  type EtcdWatchHandlers,
  type SwapResult,
} from './etcd.ts';
import { EtcdConnection, UnansweredError } from './etcd-connection.ts';
import {
  type Answer,
  compactMethod,
  compactRequest,
  leaseGrantMethod,
  leaseGrantRequest,
  type Method,
  putMethod,
  putRequest,
  rangeMethod,
  rangeRequest,
  statusMethod,
  swapMethod,
  swapRequest,
  type WatchAnswer,
} from './etcd-messages.ts';
import { GrpcError, grpcCodes, NotConnectedError } from './grpc-channel.ts';

interface EtcdOptions {
  /** `https://127.0.0.1:2379`; members of one cluster, the one to ask first at the front. */
  servers: readonly string[];
  /** PEM texts; without them the connection is plain. */
  tls?: { ca: Buffer; cert: Buffer; key: Buffer };
}

/** For so long all members are tried again and again; an election takes one or two seconds. */
const patienceMs = 3_000;
const roundDelayMs = 100;

/** Watches and ranges have connections of their own, so that a big range never starves a watch. */
interface Member {
  calls: EtcdConnection;
  ranges: EtcdConnection;
  watches: EtcdConnection;
  /** Ends the watches that are there. */
  ends: Set<(err: Error) => void>;
}

interface CallKind {
  line: 'calls' | 'ranges';
  /** Sent once more where it may have been carried out. */
  repeatable: boolean;
  timeoutMs: number;
}

const reading: CallKind = { line: 'calls', repeatable: true, timeoutMs: 10_000 };
/** For who only wants to know how things are. */
const telling: CallKind = { line: 'calls', repeatable: false, timeoutMs: 1_000 };
/** As long as kube-apiserver's --etcd-healthcheck-timeout. */
const checking: CallKind = { ...telling, timeoutMs: 2_000 };
const rangeReading: CallKind = { line: 'ranges', repeatable: true, timeoutMs: 60_000 };
const writing: CallKind = { line: 'calls', repeatable: false, timeoutMs: 10_000 };
const compacting: CallKind = { ...writing, timeoutMs: 60_000 };

export class EtcdClient implements Etcd {
  readonly #clock: Clock;
  readonly #members: readonly Member[];
  #current: Member;
  #closed = false;
  #health: { askedMs: number; answer: Promise<string | null> } = { askedMs: -Infinity, answer: Promise.resolve(null) };

  constructor({ servers, tls }: EtcdOptions, clock: Clock) {
    this.#clock = clock;
    const seen = { term: 0 };
    this.#members = servers.map((server) => {
      const onHung =
        servers.length > 1
          ? (err: Error) => this.#giveUp(member, new UnansweredError(`${server} hangs: ${err.message}`))
          : undefined;
      const connect = () => new EtcdConnection({ server, tls, clock, seen, onHung });
      const member: Member = { calls: connect(), ranges: connect(), watches: connect(), ends: new Set() };
      return member;
    });
    const [first] = this.#members;
    if (!first) throw new Error('etcd has no server');
    this.#current = first;
  }

  async get(key: string): Promise<EtcdEntry | undefined> {
    const { entries } = await this.#call(reading, rangeMethod, rangeRequest({ key }));
    return entries[0];
  }

  currentRevision(): Promise<number> {
    return this.#revision(reading);
  }

  async #revision(how: CallKind): Promise<number> {
    const { header } = await this.#call(how, rangeMethod, rangeRequest({ key: '\0', countOnly: true, limit: 1 }));
    return header.revision;
  }

  /** Why etcd does not answer a read within two seconds; null: it does. Those who ask within half a second are told the same. */
  health(): Promise<string | null> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#health.askedMs >= 500) {
      const answer = this.#revision(checking).then(
        () => null,
        (err) => `etcd failed: ${messageOf(err)}`,
      );
      this.#health = { askedMs: nowMs, answer };
    }
    return this.#health.answer;
  }

  async range(from: string, to: string, options: { limit: number; revision: number }): Promise<EtcdPage> {
    const message = rangeRequest({ key: from, end: to, ...options });
    const { header, entries, more, count } = await this.#call(rangeReading, rangeMethod, message);
    return { entries, revision: header.revision, more, count };
  }

  put(key: string, value: Buffer, modRevision: number): Promise<SwapResult> {
    return this.#swap(swapRequest(key, modRevision, value));
  }

  delete(key: string, modRevision: number): Promise<SwapResult> {
    return this.#swap(swapRequest(key, modRevision));
  }

  async #swap(message: Buffer): Promise<SwapResult> {
    const { succeeded, header, current } = await this.#call(writing, swapMethod, message);
    return succeeded ? { done: true, revision: header.revision } : { done: false, current };
  }

  async putForTime(key: string, value: Buffer, seconds: number): Promise<void> {
    const { value: id } = await this.#call(writing, leaseGrantMethod, leaseGrantRequest(seconds));
    await this.#call(writing, putMethod, putRequest(key, value, id));
  }

  async compact(revision: number): Promise<void> {
    await this.#call(compacting, compactMethod, compactRequest(revision));
  }

  /** Bytes that the database takes on the disk of the member that is asked. */
  async databaseBytes(): Promise<number> {
    const { value } = await this.#call(telling, statusMethod, Buffer.alloc(0));
    return Number(value);
  }

  async watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void> {
    const member = this.#current;
    let over = false;
    let endStream: () => void = () => undefined;
    const stop = () => {
      over = true;
      member.ends.delete(end);
      endStream();
    };
    const end = (err?: Error) => {
      if (over) return;
      stop();
      handlers.onEnd(err);
    };
    const fail = (err: Error) => {
      if (over) return;
      end(err);
      this.#leave(member, err);
    };
    const onAnswer = ({ header, created, cancelReason, compactRevision, events }: WatchAnswer) => {
      if (over) return;
      if (cancelReason !== undefined) {
        end(compactRevision > 0 ? new CompactedError(cancelReason) : new Error(`watch cancelled: ${cancelReason}`));
      } else if (created) handlers.onCreated?.(header.revision, header.clusterId);
      else if (events.length > 0) handlers.onEvents(events, header.revision);
    };
    const onEnd = (err: Error | undefined) => fail(err ?? new Error('etcd ended the watch'));
    endStream = await member.watches.watchAll(startRevision, { onAnswer, onEnd }).catch((err: Error) => {
      this.#leave(member, err);
      throw err;
    });
    // Somebody may have left the member while the connection was made.
    if (member === this.#current) member.ends.add(end);
    return stop;
  }

  close(): void {
    this.#closed = true;
    for (const { calls, ranges, watches } of this.#members) for (const one of [calls, ranges, watches]) one.close();
  }

  /** Asks one member after another, until one answers or the patience is at its end. */
  async #call<T extends Answer>(how: CallKind, method: Method<T>, message: Buffer): Promise<T> {
    const { line, repeatable, timeoutMs } = how;
    const untilMs = this.#clock.monotonicMs() + patienceMs;
    for (let tried = 1; ; tried++) {
      const member = this.#current;
      try {
        return await member[line].call(method, message, timeoutMs);
      } catch (err) {
        const mayGoOn = isUnsent(err) || (repeatable && isTransient(err));
        if (!mayGoOn) throw toStoreError(err);
        this.#leave(member, err as Error);
        if (tried % this.#members.length !== 0) continue;
        if (this.#closed || this.#clock.monotonicMs() > untilMs) throw toStoreError(err);
        await this.#clock.sleep(roundDelayMs);
      }
    }
  }

  /** The next member is asked from now on, and tells what happens. */
  #leave(member: Member, err: Error): void {
    if (this.#closed || this.#current !== member || this.#members.length === 1) return;
    this.#current = this.#members[(this.#members.indexOf(member) + 1) % this.#members.length]!;
    for (const end of member.ends) end(err);
  }

  #giveUp(member: Member, err: Error): void {
    this.#leave(member, err);
    for (const one of [member.calls, member.ranges, member.watches]) one.reset(err);
  }
}

/** Certainly not carried out: there was no connection, or the member refused it for want of a leader. */
function isUnsent(err: unknown): boolean {
  if (err instanceof NotConnectedError) return true;
  if (!(err instanceof GrpcError)) return false;
  if (err.code === grpcCodes.unavailable) return err.message.startsWith('etcdserver: no leader');
  return err.code === grpcCodes.unknown && err.message === 'raft proposal dropped';
}

const transientCodes: readonly number[] = [grpcCodes.unavailable, grpcCodes.internal, grpcCodes.cancelled];

/** Another member may answer. */
function isTransient(err: unknown): boolean {
  return err instanceof UnansweredError || (err instanceof GrpcError && transientCodes.includes(err.code));
}

function toStoreError(err: unknown): Error {
  const message = err instanceof Error ? err.message : String(err);
  if (message.includes('has been compacted')) return new CompactedError(message, { cause: err });
  if (message.includes('database space exceeded') || message.includes('no space')) {
    return new EtcdNoSpaceError({ cause: err });
  }
  if (/request is too large|message larger than max/.test(message)) return new EtcdTooLargeError({ cause: err });
  return new EtcdUnavailableError(`etcd does not answer, its log says why: ${message}`, { cause: err });
}

// The client of an etcd of one or several members. One member is asked, until it fails; then the next. Writes are
// compare-and-swap transactions that are sent once: an outcome that we did not see is an error, never a blind retry, for
// what a hanging member was sent it may still carry out. What was certainly not carried out, and what only reads, is
// sent to another member. The watch is where the calls are, so that what is noticed of the one helps the other.
import type { CallOptions, ServiceError } from '@grpc/grpc-js';
import type { IKeyValue, ITxnRequest, IWatchResponse } from 'etcd3';
import type { Clock } from '../../machinery/clock.ts';
import {
  CompactedError,
  type Etcd,
  type EtcdEntry,
  type EtcdEvent,
  EtcdNoSpaceError,
  type EtcdPage,
  EtcdTooLargeError,
  EtcdUnavailableError,
  type EtcdWatchHandlers,
  type SwapResult,
} from './etcd.ts';
import { EtcdConnection, type EtcdTls, NotConnectedError, UnansweredError } from './etcd-connection.ts';

export interface EtcdOptions {
  /** `https://127.0.0.1:2379`; members of one cluster, the one to ask first at the front. */
  servers: readonly string[];
  /** PEM texts; without them the connection is plain. */
  tls?: EtcdTls;
}

const callDeadlineMs = 10_000;
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
}

const reading: CallKind = { line: 'calls', repeatable: true };
const rangeReading: CallKind = { line: 'ranges', repeatable: true };
const writing: CallKind = { line: 'calls', repeatable: false };

export class EtcdClient implements Etcd {
  readonly #clock: Clock;
  readonly #members: readonly Member[];
  #current: Member;
  #closed = false;

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
    const res = await this.#call(reading, ({ kv }) => kv.range({ key: Buffer.from(key) }, this.#deadline()));
    return res.kvs[0] && toEntry(res.kvs[0]);
  }

  async currentRevision(): Promise<number> {
    const req = { key: Buffer.from('\0'), count_only: true, limit: 1 };
    const res = await this.#call(reading, ({ kv }) => kv.range(req, this.#deadline()));
    return Number(res.header.revision);
  }

  async range(from: string, to: string, options: { limit: number; revision: number }): Promise<EtcdPage> {
    const req = {
      key: Buffer.from(from),
      range_end: Buffer.from(to),
      limit: options.limit,
      revision: options.revision,
    };
    const res = await this.#call(rangeReading, ({ kv }) => kv.range(req, this.#deadline(6)));
    return {
      entries: res.kvs.map(toEntry),
      revision: Number(res.header.revision),
      more: res.more,
      count: Number(res.count),
    };
  }

  put(key: string, value: Buffer, modRevision: number): Promise<SwapResult> {
    return this.#swap(key, modRevision, { request_put: { key: Buffer.from(key), value } });
  }

  delete(key: string, modRevision: number): Promise<SwapResult> {
    return this.#swap(key, modRevision, { request_delete_range: { key: Buffer.from(key) } });
  }

  async #swap(key: string, modRevision: number, op: NonNullable<ITxnRequest['success']>[number]): Promise<SwapResult> {
    const keyBytes = Buffer.from(key);
    const req: ITxnRequest = {
      compare: [{ target: 'Mod', result: 'Equal', key: keyBytes, mod_revision: modRevision }],
      success: [op],
      failure: [{ request_range: { key: keyBytes } }],
    };
    const res = await this.#call(writing, ({ kv }) => kv.txn(req, this.#deadline()));
    if (res.succeeded) return { done: true, revision: Number(res.header.revision) };
    const found = res.responses[0]?.response_range.kvs[0];
    return { done: false, current: found && toEntry(found) };
  }

  async putForTime(key: string, value: Buffer, seconds: number): Promise<void> {
    const { ID } = await this.#call(writing, ({ leases }) => leases.leaseGrant({ TTL: seconds }, this.#deadline()));
    const req = { key: Buffer.from(key), value, lease: ID };
    await this.#call(writing, ({ kv }) => kv.put(req, this.#deadline()));
  }

  async compact(revision: number): Promise<void> {
    await this.#call(writing, ({ kv }) => kv.compact({ revision }, this.#deadline(6)));
  }

  async watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void> {
    const member = this.#current;
    const stream = await member.watches.watches.watch().catch((err: Error) => {
      this.#leave(member, err);
      throw err;
    });
    let over = false;
    const stop = () => {
      over = true;
      member.ends.delete(fail);
      stream.end();
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
    // Somebody may have left the member while the connection was made.
    if (member === this.#current) member.ends.add(end);
    stream.on('data', (res: IWatchResponse) => {
      if (over) return;
      if (res.canceled) {
        const compacted = Number(res.compact_revision) > 0;
        return end(
          compacted ? new CompactedError(res.cancel_reason) : new Error(`watch cancelled: ${res.cancel_reason}`),
        );
      }
      if (res.created) return handlers.onCreated?.(Number(res.header.revision), String(res.header.cluster_id));
      if (res.events.length > 0) handlers.onEvents(res.events.map(toEvent), Number(res.header.revision));
    });
    stream.on('error', fail);
    stream.on('end', () => fail(new Error('etcd ended the watch')));
    const zero = Buffer.from('\0');
    stream.write({ create_request: { key: zero, range_end: zero, start_revision: startRevision } });
    return stop;
  }

  close(): void {
    this.#closed = true;
    for (const { calls, ranges, watches } of this.#members) for (const one of [calls, ranges, watches]) one.close();
  }

  #deadline(times = 1): CallOptions {
    return { deadline: this.#clock.now() + callDeadlineMs * times };
  }

  /** Asks one member after another, until one answers or the patience is at its end. */
  async #call<T>({ line, repeatable }: CallKind, send: (connection: EtcdConnection) => Promise<T>): Promise<T> {
    const untilMs = this.#clock.monotonicMs() + patienceMs;
    for (let tried = 1; ; tried++) {
      const member = this.#current;
      try {
        return await send(member[line]);
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

const grpcCodes = { cancelled: 1, unknown: 2, deadlineExceeded: 4, internal: 13, unavailable: 14 } as const;

/** Certainly not carried out: there was no connection, or the member refused it for want of a leader. */
function isUnsent(err: unknown): boolean {
  if (err instanceof NotConnectedError) return true;
  const { code, details = '' } = err as Partial<ServiceError>;
  if (code === grpcCodes.unavailable) return /^(No connection established|etcdserver: no leader)/.test(details);
  return code === grpcCodes.unknown && details === 'raft proposal dropped';
}

/** Another member may answer. */
function isTransient(err: unknown): boolean {
  if (err instanceof UnansweredError) return true;
  const { code } = err as Partial<ServiceError>;
  return code === grpcCodes.unavailable || code === grpcCodes.internal || code === grpcCodes.cancelled;
}

function toStoreError(err: unknown): Error {
  const message = (err as Partial<ServiceError>).details || (err instanceof Error ? err.message : String(err));
  if (message.includes('has been compacted')) return new CompactedError(message, { cause: err });
  if (message.includes('database space exceeded') || message.includes('no space')) {
    return new EtcdNoSpaceError({ cause: err });
  }
  if (/request is too large|message larger than max/.test(message)) return new EtcdTooLargeError({ cause: err });
  return new EtcdUnavailableError(explainFailure(message), { cause: err });
}

/** The words of a failed gRPC call without gRPC's wrapping. */
function explainFailure(message: string): string {
  const reason = /Last error: (?:Error: )?(.*?)\.? Resolution note:/.exec(message)?.[1] ?? message;
  return `etcd does not answer, its log says why: ${reason}`;
}

function toEntry(kv: IKeyValue): EtcdEntry {
  return { key: kv.key.toString(), value: kv.value, modRevision: Number(kv.mod_revision) };
}

function toEvent(event: IWatchResponse['events'][number]): EtcdEvent {
  const { kv } = event;
  return {
    type: event.type === 'Delete' ? 'DELETE' : 'PUT',
    key: kv.key.toString(),
    value: kv.value,
    modRevision: Number(kv.mod_revision),
    isCreate: kv.create_revision === kv.mod_revision,
  };
}

// One connection to one member of etcd. A call is sent once, when the connection stands. A member that knows no leader
// refuses instead of waiting for one; one that answers nothing is noticed.
// https://etcd.io/docs/v3.6/learning/design-client/
import type { Clock, Timer } from '../../machinery/clock.ts';
import {
  type Answer,
  type Method,
  rangeMethod,
  rangeRequest,
  readWatchAnswer,
  type WatchAnswer,
  watchAllRequest,
} from './etcd-messages.ts';
import { GrpcChannel, type GrpcChannelOptions } from './grpc-channel.ts';

/** The call was sent, and nobody will answer it. */
export class UnansweredError extends Error {}

interface ConnectionOptions extends Pick<GrpcChannelOptions, 'server' | 'tls' | 'clock'> {
  /** The latest leader's term that any member has told of. */
  seen: { term: number };
  /** Called when a call waits and the member does not say that it lives. Without it nobody asks. */
  onHung?: ((err: Error) => void) | undefined;
}

interface Pending {
  sentMs: number;
  /** The term of the leader that it was sent to; 0: not known. */
  term: number;
  fail(err: Error): void;
}

/** A call that waits for so long is a reason to ask whether the member lives. */
const slowMs = 1_000;
const probeMs = 2_000;
const anyKey = '\0';
const requireLeader = { hasleader: 'true' };

export class EtcdConnection {
  readonly #clock: Clock;
  readonly #channel: GrpcChannel;
  readonly #seen: { term: number };
  readonly #onHung: ((err: Error) => void) | undefined;
  /** In the order in which they were sent; only where somebody asks whether the member lives. */
  readonly #pending = new Set<Pending>();
  #look: Timer | undefined;

  constructor({ seen, onHung, ...options }: ConnectionOptions) {
    this.#clock = options.clock;
    this.#channel = new GrpcChannel({ ...options, headers: requireLeader });
    this.#seen = seen;
    this.#onHung = onHung;
  }

  /** Throws NotConnectedError, GrpcError or UnansweredError. */
  call<T extends Answer>(method: Method<T>, message: Buffer, timeoutMs: number): Promise<T> {
    const answered = this.#send(method, message, timeoutMs);
    return this.#onHung ? this.#followed(answered) : answered;
  }

  async #send<T extends Answer>({ path, read }: Method<T>, message: Buffer, timeoutMs: number): Promise<T> {
    const answer = read(await this.#channel.call(path, message, timeoutMs));
    this.#seen.term = Math.max(this.#seen.term, answer.header.term);
    return answer;
  }

  /** Every key there is from `startRevision` on. What is returned ends it, without `onEnd`. */
  async watchAll(
    startRevision: number,
    handlers: { onAnswer(answer: WatchAnswer): void; onEnd(err: Error | undefined): void },
  ): Promise<() => void> {
    const { onAnswer, onEnd } = handlers;
    const onMessage = (message: Buffer) => onAnswer(readWatchAnswer(message));
    const stream = await this.#channel.stream('/etcdserverpb.Watch/Watch', { onMessage, onEnd });
    stream.send(watchAllRequest(startRevision));
    return () => stream.end();
  }

  #followed<T>(answered: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending: Pending = { sentMs: this.#clock.monotonicMs(), term: this.#seen.term, fail: reject };
      this.#pending.add(pending);
      answered.then(resolve, reject).finally(() => this.#pending.delete(pending));
      this.#lookLater();
    });
  }

  #lookLater(): void {
    this.#look ??= this.#clock.after(slowMs, () => {
      this.#look = undefined;
      const [oldest] = this.#pending;
      if (!oldest) return;
      if (this.#ageMs(oldest) < slowMs) return this.#lookLater();
      this.#probe().then(() => this.#lookLater(), this.#onHung);
    });
  }

  #ageMs({ sentMs }: Pending): number {
    return this.#clock.monotonicMs() - sentMs;
  }

  /**
   * Asks what the member answers by itself, without the others. What was sent in another leader's time and has no
   * answer yet will hardly get one.
   */
  async #probe(): Promise<void> {
    const question = { key: anyKey, countOnly: true, limit: 1, serializable: true };
    await this.#send(rangeMethod, rangeRequest(question), probeMs);
    for (const pending of this.#pending) {
      if (pending.term === 0 || pending.term === this.#seen.term || this.#ageMs(pending) < 2 * slowMs) continue;
      this.#pending.delete(pending);
      pending.fail(new UnansweredError('etcd has another leader'));
    }
  }

  /** Gives up what waits, and begins anew. */
  reset(err: Error): void {
    this.#channel.reset(err);
  }

  close(): void {
    this.#look?.cancel();
    this.#channel.close();
  }
}

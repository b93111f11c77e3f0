// One connection to one member of etcd, on etcd3's raw services. A call is sent once, when the connection stands. A
// member that knows no leader refuses instead of waiting for one; one that answers nothing is noticed.
// https://etcd.io/docs/v3.6/learning/design-client/
import {
  type CallOptions,
  type ChannelOptions,
  type Client,
  connectivityState,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import { type ICallable, KVClient, LeaseClient, WatchClient } from 'etcd3';
import { Host } from 'etcd3/lib/connection-pool.js';
import type { Clock, Timer } from '../../machinery/clock.ts';

export interface EtcdTls {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

/** The call was not sent: it may be sent elsewhere. */
export class NotConnectedError extends Error {}
/** The call was sent, and nobody will answer it. */
export class UnansweredError extends Error {}

interface ConnectionOptions {
  /** `https://127.0.0.1:2379` */
  server: string;
  tls?: EtcdTls | undefined;
  clock: Clock;
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

const connectMs = 2_000;
/** A call that waits for so long is a reason to ask whether the member lives. */
const slowMs = 1_000;
const probeMs = 2_000;

type Service = Parameters<ICallable<Host>['exec']>[0];
interface Answer {
  header: { raft_term: string };
}
type UnaryCall = (
  params: unknown,
  metadata: Metadata,
  options: CallOptions,
  callback: (err: Error | null, answer: Answer) => void,
) => unknown;

export class EtcdConnection implements ICallable<Host> {
  readonly callOptionsFactory = undefined;
  readonly kv = new KVClient(this);
  readonly leases = new LeaseClient(this);
  readonly watches = new WatchClient(this);
  readonly #options: ConnectionOptions;
  readonly #host: Host;
  /** In the order in which they were sent. */
  readonly #pending = new Set<Pending>();
  #look: Timer | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#host = new Host(options.server, credentialsOf(options.tls), channelOptionsOf(options));
  }

  async exec<T>(service: Service, method: string, params: unknown, options: CallOptions = {}): Promise<T> {
    const client = this.#host.getServiceClient(service);
    if (client.getChannel().getConnectivityState(true) !== connectivityState.READY) await this.#connected(client);
    return this.#send<T>(client, method, { params, options });
  }

  async withConnection<R>(
    service: Service,
    fn: (parts: { resource: Host; client: Client; metadata: Metadata }) => Promise<R> | R,
  ): Promise<R> {
    const client = this.#host.getServiceClient(service);
    await this.#connected(client);
    return fn({ resource: this.#host, client, metadata: requireLeader() });
  }

  /** Whoever made the call deals with its failure. */
  markFailed(): void {}

  /** Waits until the connection stands or was refused: what is sent over a refused one fails with the reason. */
  #connected(client: Client): Promise<void> {
    const { clock, server } = this.#options;
    const channel = client.getChannel();
    const untilMs = clock.now() + connectMs;
    return new Promise((resolve, reject) => {
      const look = () => {
        const state = channel.getConnectivityState(true);
        if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return resolve();
        channel.watchConnectivityState(state, untilMs, (err) => {
          if (err) reject(new NotConnectedError(`${server}: no connection within ${connectMs / 1000} s`));
          else look();
        });
      };
      look();
    });
  }

  #send<T>(client: Client, method: string, { params, options }: { params: unknown; options: CallOptions }): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        sentMs: this.#options.clock.monotonicMs(),
        term: this.#options.seen.term,
        fail: reject,
      };
      this.#pending.add(pending);
      const call = client[method as keyof Client] as unknown as UnaryCall;
      call.call(client, params, requireLeader(), options, (err, answer) => {
        this.#pending.delete(pending);
        if (err) return reject(err);
        this.#sees(answer);
        resolve(answer as T);
      });
      this.#lookLater();
    });
  }

  #lookLater(): void {
    const { clock, onHung } = this.#options;
    if (!onHung || this.#look) return;
    this.#look = clock.after(slowMs, () => {
      this.#look = undefined;
      const [oldest] = this.#pending;
      if (!oldest) return;
      if (this.#ageMs(oldest) < slowMs) return this.#lookLater();
      this.#probe().then(() => this.#lookLater(), onHung);
    });
  }

  #ageMs({ sentMs }: Pending): number {
    return this.#options.clock.monotonicMs() - sentMs;
  }

  /**
   * Asks what the member answers by itself, without the others. What was sent in another leader's time and has no
   * answer yet will hardly get one.
   */
  async #probe(): Promise<void> {
    const client = this.#host.getServiceClient('KV');
    const params = { key: Buffer.from('\0'), count_only: true, limit: 1, serializable: true };
    const options = { deadline: this.#options.clock.now() + probeMs };
    await new Promise<void>((resolve, reject) => {
      const call = client['range' as keyof Client] as unknown as UnaryCall;
      call.call(client, params, requireLeader(), options, (err, answer) => {
        if (err) return reject(err);
        this.#sees(answer);
        resolve();
      });
    });
    const { term } = this.#options.seen;
    for (const pending of this.#pending) {
      if (pending.term === 0 || pending.term === term || this.#ageMs(pending) < 2 * slowMs) continue;
      this.#pending.delete(pending);
      pending.fail(new UnansweredError('etcd has another leader'));
    }
  }

  #sees({ header }: Answer): void {
    const { seen } = this.#options;
    seen.term = Math.max(seen.term, Number(header.raft_term));
  }

  /** Gives up what waits, and begins anew. */
  reset(err: Error): void {
    for (const pending of this.#pending) pending.fail(err);
    this.#pending.clear();
    this.#host.resetAllServices();
  }

  close(): void {
    this.#look?.cancel();
    this.#host.close();
  }
}

function requireLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  return metadata;
}

function credentialsOf(tls: EtcdTls | undefined) {
  return tls ? credentials.createSsl(tls.ca, tls.key, tls.cert) : credentials.createInsecure();
}

function channelOptionsOf({ server, tls }: ConnectionOptions): ChannelOptions {
  return {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 500,
    // A watch that is silent may be one whose member is gone. etcd takes a ping each five seconds.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc-node.flow_control_window': 16 * 1024 * 1024,
    // TLS may not be given an address as server name; etcd's certificate on loopback names localhost too.
    ...(tls && new URL(server).hostname === '127.0.0.1' ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
  };
}

// The cluster's DNS on the wire: UDP and TCP on one address and port. Queries on one TCP connection are answered in
// order, one at a time, so that a client cannot fill our memory.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { Transport } from './resolver.ts';
import { FrameReader, frame } from './tcp-frame.ts';

export interface DnsServerOptions {
  address: string;
  port: number;
  /** The response to a message, or undefined for none. */
  respond(message: Buffer, transport: Transport): Promise<Buffer | undefined>;
  clock: Clock;
  log: Logger;
}

const maxConnections = 512;
const maxConnectionsOfOne = 64;
/**
 * Queries of one client that wait for other servers: more of them get no answer over UDP, and have
 * to wait over TCP.
 */
const maxPendingOfOne = 128;
/** From one whole query to the next. A part of one keeps no connection open. */
const idleMs = 10_000;

/** How many of something each client has. */
class Tally {
  readonly #counts = new Map<string, number>();

  of(client: string): number {
    return this.#counts.get(client) ?? 0;
  }

  add(client: string, more: 1 | -1): void {
    const count = this.of(client) + more;
    if (count === 0) this.#counts.delete(client);
    else this.#counts.set(client, count);
  }
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  #udp: Socket | undefined;
  #tcp: Server | undefined;
  /** Those that did something last come last. */
  #connections = new Set<TcpSocket>();
  readonly #connectionsOf = new Tally();
  readonly #pendingOf = new Tally();

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** The port of both; of use when any was asked for. */
  get port(): number {
    return this.#udp?.address().port ?? 0;
  }

  /** Resolves when both transports answer. */
  async start(): Promise<void> {
    const { address, log } = this.#options;
    this.#udp = createSocket('udp4');
    this.#udp.on('message', (message, { address: client, port }) => void this.#answer(message, client, port));
    this.#udp.bind(this.#options.port, address);
    await once(this.#udp, 'listening');
    this.#udp.on('error', (err) => log.warn({ err }, 'the UDP socket reports an error'));
    this.#tcp = createServer((connection) => this.#serve(connection));
    this.#tcp.listen(this.port, address);
    try {
      await once(this.#tcp, 'listening');
    } catch (err) {
      await this.stop(); // half a server would hold the port, and its process
      throw err;
    }
    this.#tcp.on('error', (err) => log.warn({ err }, 'the TCP socket reports an error'));
  }

  /** Answers that are still being looked for are not sent any more. */
  async stop(): Promise<void> {
    this.#udp?.close();
    this.#udp = undefined;
    this.#tcp?.close();
    for (const connection of this.#connections) connection.destroy();
  }

  async #answer(message: Buffer, client: string, port: number): Promise<void> {
    if (port === 0) return; // no way to answer: sending there throws
    if (this.#pendingOf.of(client) >= maxPendingOfOne) return;
    this.#pendingOf.add(client, 1);
    const response = await this.#respond(message, 'udp');
    this.#pendingOf.add(client, -1);
    // A client that is gone is its own affair; the callback keeps the error from the socket.
    if (response) this.#udp?.send(response, port, client, () => undefined);
  }

  /** A query that we cannot cope with costs its sender the answer, and nobody else anything. */
  async #respond(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    try {
      return await this.#options.respond(message, transport);
    } catch (err) {
      this.#options.log.error({ err, query: message.toString('base64') }, 'a query could not be answered');
      return undefined;
    }
  }

  #serve(connection: TcpSocket): void {
    const { clock } = this.#options;
    const client = connection.remoteAddress ?? '';
    if (this.#connectionsOf.of(client) >= maxConnectionsOfOne) return void connection.destroy();
    // Whoever has been idle the longest makes room.
    if (this.#connections.size >= maxConnections) this.#connections.values().next().value!.destroy();
    const reader = new FrameReader();
    const drop = () => void connection.destroy();
    let timer = clock.after(idleMs, drop);
    const noteProgress = () => {
      if (!this.#connections.delete(connection)) return; // it is gone
      this.#connections.add(connection);
      timer.cancel();
      timer = clock.after(idleMs, drop);
    };
    let queue = Promise.resolve();
    this.#connections.add(connection);
    this.#connectionsOf.add(client, 1);
    connection.on('error', drop);
    connection.on('close', () => {
      timer.cancel();
      this.#connections.delete(connection);
      this.#connectionsOf.add(client, -1);
    });
    connection.on('data', (chunk: Buffer) => {
      const messages = reader.push(chunk);
      if (messages.length === 0) return;
      connection.pause();
      queue = queue.then(async () => {
        for (const message of messages) {
          const response = await this.#respond(message, 'tcp');
          if (!response || connection.destroyed) return drop();
          noteProgress();
          // Whoever does not read has to wait; destroyed as idle, it leaves nothing behind that still waits.
          if (!connection.write(frame(response))) await new Promise((resolve) => connection.once('drain', resolve));
          await nextTurn(); // one client's many queries are not all of the work
        }
        connection.resume();
      });
      queue.catch(drop);
    });
  }
}

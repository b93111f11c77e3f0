// The connections of the front: which there are, and when one that is of no use is closed.
// Upstream: the time limits of apiserver's http.Server.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../machinery/clock.ts';

/** A connection that has been asked nothing for so long is closed. */
export const idleMs = 90_000;
/** The lines of a request must have come within this time, and a handshake be over. */
export const headersMs = 32_000;
const keepAliveMs = 30_000;
/** What has been written reaches a client that reads within this time. */
const flushMs = 1_000;

interface EmittingServer {
  on(event: 'secureConnection', fn: (socket: TLSSocket) => void): unknown;
  on(event: 'session', fn: (session: ServerHttp2Session) => void): unknown;
}

export class Connections {
  readonly #clock: Clock;
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(server: EmittingServer, clock: Clock) {
    this.#clock = clock;
    server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      // A client that is gone without a word would keep its watches.
      socket.setKeepAlive(true, keepAliveMs);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
      this.#closeWhenIdle(session);
    });
  }

  /** A watch that is silent is not idle: only a session without streams is. */
  #closeWhenIdle(session: ServerHttp2Session): void {
    let open = 0;
    let timer: Timer | undefined;
    const arm = () => {
      timer = this.#clock.after(idleMs, () => session.close());
    };
    session.on('stream', (stream: ServerHttp2Stream) => {
      open++;
      timer?.cancel();
      stream.on('close', () => {
        if (--open === 0 && !session.closed) arm();
      });
    });
    session.on('close', () => timer?.cancel());
    arm();
  }

  /** Asks clients to open no more streams. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Waits until the sessions are through with what they send, for a moment, and ends all. */
  async end(): Promise<void> {
    const closed = [...this.#sessions].map((session) => new Promise<void>((done) => session.once('close', done)));
    const late = new AbortController();
    const moment = this.#clock.sleep(flushMs, late.signal).catch(() => undefined);
    await Promise.race([Promise.all(closed), moment]);
    late.abort();
    for (const session of this.#sessions) session.destroy();
    // What was written to a connection of HTTP/1.1 goes out.
    for (const socket of this.#sockets) socket.destroySoon();
  }
}

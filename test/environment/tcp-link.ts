// A way to a server on loopback that can be cut, held up and slowed down.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { realClock } from '../../machinery/clock.ts';

/** One direction of a connection: what has come and has not gone on yet. */
class Lane {
  readonly #to: Socket;
  readonly #link: TcpLink;
  readonly #waiting: { chunk: Buffer; atMs: number }[] = [];
  #isWaiting = false;

  constructor(from: Socket, to: Socket, link: TcpLink) {
    this.#to = to;
    this.#link = link;
    from.on('data', (chunk: Buffer) => {
      this.#waiting.push({ chunk, atMs: realClock.monotonicMs() + link.delayMs });
      this.pass();
    });
  }

  /** Passes on what is due. */
  pass(): void {
    if (this.#isWaiting) return;
    for (let next = this.#waiting[0]; next && !this.#link.isStalled; next = this.#waiting[0]) {
      const leftMs = next.atMs - realClock.monotonicMs();
      if (leftMs > 0) {
        this.#isWaiting = true;
        realClock.after(leftMs, () => {
          this.#isWaiting = false;
          this.pass();
        });
        return;
      }
      this.#waiting.shift();
      this.#to.write(next.chunk);
    }
  }
}

export class TcpLink {
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #lanes = new Set<Lane>();
  #isCut = false;
  #isStalled = false;
  #delayMs = 0;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(port: number): Promise<TcpLink> {
    const link = new TcpLink(port);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  /** Connections end; new ones too, until `heal`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing gets through, and nobody is told, until `heal`. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Everything takes so much longer each way, until `heal`. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  heal(): void {
    this.#isCut = false;
    this.#isStalled = false;
    this.#delayMs = 0;
    for (const lane of this.#lanes) lane.pass();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #accept(client: Socket): void {
    this.#track(client);
    if (this.#isCut) return void client.destroy();
    client.pause();
    this.#reach(client);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay();
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #reach(client: Socket): void {
    const target = connect(this.#port, '127.0.0.1');
    this.#track(target);
    target.on('connect', () => this.#join(client, target));
    target.on('close', () => client.destroy());
    client.on('close', () => target.destroy());
  }

  #join(client: Socket, target: Socket): void {
    const lanes = [new Lane(client, target, this), new Lane(target, client, this)];
    for (const lane of lanes) this.#lanes.add(lane);
    client.on('close', () => {
      for (const lane of lanes) this.#lanes.delete(lane);
    });
    client.resume();
  }
}

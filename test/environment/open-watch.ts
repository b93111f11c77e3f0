// One watch of one API server over HTTP/2, as a client of Go holds it: what came, and how it ended.
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { createInterface } from 'node:readline';
import { realClock } from '../../machinery/clock.ts';
import type { TestControlPlane } from './control-plane.ts';

export class OpenWatch implements Disposable {
  readonly events: { type: string; object: any }[] = [];
  /** 'clean': the server has ended it. */
  ended: Promise<'clean' | 'broken'>;
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session, path: string) {
    this.#session = session;
    session.on('error', () => undefined); // the stream says the same
    const stream = session.request({ ':path': path });
    createInterface({ input: stream }).on('line', (line) => this.events.push(JSON.parse(line)));
    this.ended = new Promise((resolve) => {
      stream.once('end', () => resolve(stream.rstCode === 0 ? 'clean' : 'broken'));
      stream.once('error', () => resolve('broken'));
      stream.once('close', () => resolve('broken'));
    });
    this.begun = once(stream, 'response').then(() => undefined);
  }

  readonly begun: Promise<void>;

  /** Resolves when the server has begun to answer. */
  static async open(plane: TestControlPlane, path: string): Promise<OpenWatch> {
    const watch = new OpenWatch(await plane.openSession(), path);
    await watch.begun;
    return watch;
  }

  get names(): string[] {
    return this.events.map(({ object }) => object.metadata.name);
  }

  /** Waits until an object of that name has come. */
  async until(name: string, timeoutMs: number): Promise<void> {
    const untilMs = realClock.monotonicMs() + timeoutMs;
    while (!this.names.includes(name)) {
      if (realClock.monotonicMs() > untilMs) throw new Error(`no ${name} among ${this.names.join()}`);
      await realClock.sleep(20);
    }
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

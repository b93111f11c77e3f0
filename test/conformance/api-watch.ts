// A watch of a test: what it has told, and waiting for what it is to tell.
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { realClock } from '../../machinery/clock.ts';
import type { Space } from './cluster.ts';

export interface Told {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: any;
}

export class ApiWatch implements Disposable {
  readonly told: Told[] = [];
  readonly #end = new AbortController();
  readonly #looks = new Set<() => void>();
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** `path` with its query, without `watch`; resolves when the server has begun to answer. */
  static async open(space: Space, path: string): Promise<ApiWatch> {
    const watch = new ApiWatch(path);
    const url = `${space.proxy.url}${path}${path.includes('?') ? '&' : '?'}watch=true`;
    const answer = await fetch(url, { signal: watch.#end.signal });
    if (answer.status !== 200) throw new Error(`watch of ${path} answered ${answer.status}: ${await answer.text()}`);
    void watch.#listen(Readable.fromWeb(answer.body as any));
    return watch;
  }

  async #listen(body: Readable): Promise<void> {
    try {
      for await (const line of createInterface({ input: body })) {
        this.told.push(JSON.parse(line));
        for (const look of [...this.#looks]) look();
      }
    } catch (err) {
      // It was given up, or else `until` says what did not come.
      if (!this.#end.signal.aborted) this.told.push({ type: 'ERROR', object: String(err) });
    }
  }

  /** The first news, since the watch began, for which `check` holds. */
  until(what: string, check: (told: Told) => boolean, limitMs = 300_000): Promise<Told> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        this.#looks.delete(look);
        timer.cancel();
        act();
      };
      const timer = realClock.after(limitMs, () => {
        const told = JSON.stringify(this.told).slice(0, 2_000);
        finish(() => reject(new Error(`watch of ${this.#path} did not tell: ${what}; it told ${told}`)));
      });
      const look = () => {
        const found = this.told.find(check);
        if (found) finish(() => resolve(found));
      };
      this.#looks.add(look);
      look();
    });
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }
}

// A watch of a test: what it has told, and waiting for what it is to tell.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { realClock } from '../../machinery/clock.ts';
import type { Space } from './cluster.ts';

export interface Told {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: any;
}

type Check = (told: Told) => boolean;

export class ApiWatch implements Disposable {
  readonly told: Told[] = [];
  readonly #path: string;
  readonly #abort = new AbortController();
  readonly #looks = new Set<() => void>();
  #hasEnded = false;
  /** So many `next` has passed over. */
  #passed = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** `path` may have a query; `params`: `resourceVersion` and its like. Resolves when the server has begun to answer. */
  static async open(space: Space, path: string, params: Record<string, string> = {}): Promise<ApiWatch> {
    const watch = new ApiWatch(path);
    const query = new URLSearchParams({ watch: 'true', ...params });
    const url = `${space.proxy.url}${path}${path.includes('?') ? '&' : '?'}${query}`;
    const answer = await fetch(url, { signal: watch.#abort.signal });
    assert.equal(answer.status, 200, `watch of ${path}`);
    const lines = createInterface({ input: Readable.fromWeb(answer.body as any).on('error', () => undefined) });
    lines.on('line', (line) => {
      watch.told.push(JSON.parse(line));
      watch.#look();
    });
    lines.on('error', () => undefined); // it was we who ended it; an end by the server is told by `close`
    lines.on('close', () => {
      watch.#hasEnded = true;
      watch.#look();
    });
    return watch;
  }

  #look(): void {
    for (const look of [...this.#looks]) look();
  }

  /** The first news, since the watch began, for which `check` holds. Rejects when the watch fails or ends before. */
  async until(what: string, check: Check, limitMs?: number): Promise<Told> {
    return this.told[await this.#find(what, check, { from: 0, limitMs })]!;
  }

  /** The next news for which `check` holds; those before it are passed over. */
  async next(what: string, check: Check, limitMs?: number): Promise<Told> {
    const at = await this.#find(what, check, { from: this.#passed, limitMs });
    this.#passed = at + 1;
    return this.told[at]!;
  }

  #find(what: string, check: Check, { from, limitMs = 300_000 }: { from: number; limitMs: number | undefined }) {
    return new Promise<number>((resolve, reject) => {
      const end = () => {
        this.#looks.delete(look);
        timer.cancel();
      };
      const fail = (why: string) => {
        end();
        const last = JSON.stringify(this.told.slice(-3)).slice(0, 3_000);
        reject(new Error(`${this.#path}: ${why} before ${what}; ${this.told.length} events, the last: ${last}`));
      };
      let at = from;
      const look = () => {
        for (; at < this.told.length; at++) {
          if (check(this.told[at]!)) {
            end();
            return resolve(at);
          }
          if (this.told[at]!.type === 'ERROR') return fail('the watch told an error');
        }
        if (this.#hasEnded) fail('the watch ended');
      };
      const timer = realClock.after(limitMs, () => fail(`${limitMs / 1000} s were over`));
      this.#looks.add(look);
      look();
    });
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
  }
}

/** Watches a list anew from a version until something told satisfies `check`. */
export async function seenSince(
  space: Space,
  path: string,
  params: Record<string, string>,
  what: string,
  check: Check,
): Promise<Told> {
  using watch = await ApiWatch.open(space, path, params);
  return await watch.until(what, check);
}

export const isOf = (type: Told['type'], check: (object: any) => boolean) => (told: Told) =>
  told.type === type && check(told.object);

// What the checks of the conformance programme do over and over: watches from a version, changes that are tried again
// when somebody else was faster, and pods that come up.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { realClock } from '../../machinery/clock.ts';
import type { ApiRequest } from '../environment/api-proxy.ts';
import { eventually } from '../environment/kubectl.ts';
import type { Space } from './cluster.ts';

export interface Seen {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: any;
}

export const query = (params: Record<string, string | number | boolean>): string =>
  `?${new URLSearchParams(Object.entries(params).map(([key, value]) => [key, String(value)]))}`;

export const labelled = (labels: Record<string, string>): { labelSelector: string } => ({
  labelSelector: Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(),
});

/** A watch that is open. */
export class OpenWatch implements Disposable {
  readonly seen: Seen[] = [];
  #hasEnded = false;
  readonly #abort = new AbortController();
  readonly #looks = new Set<() => void>();

  /** `params`: `resourceVersion`, `labelSelector` and their like. Resolves when the server has begun to answer. */
  static async open(space: Space, path: string, params: Record<string, string>): Promise<OpenWatch> {
    const watch = new OpenWatch();
    const url = `${space.proxy.url}${path}${query({ watch: true, ...params })}`;
    const answer = await fetch(url, { signal: watch.#abort.signal });
    assert.equal(answer.status, 200, `watch of ${path}`);
    const lines = createInterface({ input: Readable.fromWeb(answer.body as any).on('error', () => undefined) });
    lines.on('line', (line) => {
      watch.seen.push(JSON.parse(line));
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

  /** The first event that satisfies `check`, of those that came and those to come. */
  until(what: string, check: (event: Seen) => boolean, limitMs = 300_000): Promise<Seen> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        end();
        const last = JSON.stringify(this.seen.slice(-3)).slice(0, 3_000);
        reject(new Error(`${why} before ${what}; ${this.seen.length} events, the last of them: ${last}`));
      };
      const end = () => {
        this.#looks.delete(look);
        timer.cancel();
      };
      let next = 0;
      const look = () => {
        for (; next < this.seen.length; next++) {
          const event = this.seen[next]!;
          if (event.type === 'ERROR') return fail('the watch told an error');
          if (check(event)) {
            end();
            return resolve(event);
          }
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

/** Watches a list anew from a version until an event satisfies `check`. */
export async function seenSince(
  space: Space,
  path: string,
  params: Record<string, string>,
  what: string,
  check: (event: Seen) => boolean,
): Promise<Seen> {
  using watch = await OpenWatch.open(space, path, params);
  return await watch.until(what, check);
}

export const isOf = (type: Seen['type'], check: (object: any) => boolean) => (event: Seen) =>
  event.type === type && check(event.object);

/** Reads, changes and writes back, again while it is refused as a conflict. The answer of the write. */
export function update(space: Space, path: string, change: (object: any) => void, subresource = ''): Promise<any> {
  return eventually(`an update of ${path}${subresource}`, async () => {
    const object = await space.get(path);
    change(object);
    const answer = await space.request('PUT', `${path}${subresource}`, { body: object });
    if (answer.code === 409 && answer.body.reason === 'Conflict') return undefined;
    assert.equal(answer.code, 200, JSON.stringify(answer.body));
    return answer.body;
  });
}

/** A patch; its kind by its name. */
export function patch(
  space: Space,
  path: string,
  kind: 'merge' | 'strategic-merge' | 'json',
  body: ApiRequest['body'],
): Promise<any> {
  const contentType = `application/${kind === 'merge' ? 'merge-patch' : kind === 'json' ? 'json-patch' : `${kind}-patch`}+json`;
  return space.ask('PATCH', path, { contentType, body: body! });
}

/** Waits until a request is refused as not found. */
export function gone(space: Space, path: string): Promise<true> {
  return eventually(`${path} is gone`, async () => {
    const answer = await space.request('GET', path);
    return answer.code === 404 ? true : undefined;
  });
}

/** The names of a list, sorted. */
export const namesOf = (list: any): string[] => list.items.map((one: any) => one.metadata.name).sort();

export const conditionOf = (object: any, type: string): any =>
  object.status?.conditions?.find((one: any) => one.type === type);

export const isReady = (pod: any): boolean => conditionOf(pod, 'Ready')?.status === 'True';

export const controllerOf = (object: any): any => object.metadata.ownerReferences?.find((one: any) => one.controller);

/** The pods of a selector, once there are so many and all of them run, none of them ending. */
export async function runningPods(space: Space, labels: Record<string, string>, count: number): Promise<any[]> {
  const path = `${space.path('/api/v1', 'pods')}${query(labelled(labels))}`;
  const isRunning = ({ metadata, status }: any) => status.phase === 'Running' && !metadata.deletionTimestamp;
  const { items } = await space.until(
    `${count} pods of ${JSON.stringify(labels)} run`,
    path,
    (list) => list.items.length === count && list.items.every(isRunning),
  );
  return items;
}

// What was asked and answered, by whom and when: requests, watches, and what was done to the servers meanwhile. The
// whole of it can be written as JSON lines.
import { writeFileSync } from 'node:fs';
import { realClock } from '../../machinery/clock.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

/** The resources of the namespace that the traffic works in. */
export const resources = ['configmaps', 'pods', 'widgets'] as const;
export type Resource = (typeof resources)[number];

export interface JsonPatchOperation {
  op: 'add' | 'replace' | 'remove' | 'test';
  path: string;
  value?: unknown;
}

export interface DeleteRequest {
  verb: 'delete';
  preconditions?: { uid?: string; resourceVersion?: string };
  gracePeriodSeconds?: number;
}

/** Of what revision a read may be: undefined is the present, 0 any, n that or a later one. */
export type ReadAt = number | undefined;

export interface ListRequest {
  verb: 'list';
  at: ReadAt;
  /** At `at` and no other. */
  exact?: boolean;
  /** Read in pages of so many. */
  limit?: number;
  labelSelector?: string;
  fieldSelector?: string;
}

export type WriteRequest =
  | { verb: 'create'; object: KubeObject }
  | { verb: 'update'; object: KubeObject }
  | { verb: 'merge-patch'; patch: Record<string, unknown> }
  | { verb: 'json-patch'; operations: JsonPatchOperation[] }
  /** By force, as a manager that always sets the same fields. */
  | { verb: 'apply'; object: KubeObject }
  | DeleteRequest;

export type Request =
  | WriteRequest
  | { verb: 'get'; at: ReadAt }
  | ListRequest
  | { verb: 'deletecollection'; labelSelector: string };

export type Outcome =
  /** `object` is the one that the answer shows; a Status where nothing is left to show. */
  | { result: 'done'; code: number; object: any }
  | { result: 'listed'; items: KubeObject[]; revision: number }
  | { result: 'refused'; code: number; reason: string; message: string }
  /** No answer, or one that says that nobody knows: the request may have been carried out, or may yet be. */
  | { result: 'unknown'; why: string };

/** Moments are numbers of one sequence over the whole history; no two are equal. */
export interface Operation {
  id: number;
  client: string;
  server: number;
  resource: Resource;
  /** '' for the collection. */
  name: string;
  request: Request;
  /** What the write leaves in the annotation `stamp`; no two operations have the same. */
  stamp?: string;
  called: number;
  returned: number;
  calledMs: number;
  returnedMs: number;
  outcome: Outcome;
}

export interface WatchRequest {
  /** Events after this one; 0: from any state there was; undefined: from the present. */
  after: number | undefined;
  /** From a state that is as new as `after`, with a mark at its end. */
  sendInitialEvents?: boolean;
  bookmarks: boolean;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: any;
  moment: number;
  ms: number;
}

export interface WatchSession {
  id: number;
  client: string;
  server: number;
  resource: Resource;
  request: WatchRequest;
  called: number;
  calledMs: number;
  /** Of the answer; undefined where there was none. */
  code?: number;
  events: WatchEvent[];
}

/** What was done to a server, a connection or etcd, and when it was over. */
export interface Disturbance {
  what: string;
  /** The API servers whose caches it may have cost. */
  servers?: number[];
  /** The API servers that may hear late of what happens while it lasts. */
  late?: number[];
  /** What was compacted. */
  compacted?: number;
  began: number;
  ended: number;
  beganMs: number;
  endedMs: number;
}

/** Everything that was noted. */
export interface Records {
  operations: Operation[];
  watches: WatchSession[];
  disturbances: Disturbance[];
}

export class History implements Records {
  readonly operations: Operation[] = [];
  readonly watches: WatchSession[] = [];
  readonly disturbances: Disturbance[] = [];
  readonly #startMs = realClock.monotonicMs();
  #moment = 0;
  #ids = 0;

  /** The next moment. */
  tick(): number {
    return ++this.#moment;
  }

  /** Milliseconds since the beginning, for people. */
  nowMs(): number {
    return Math.round(realClock.monotonicMs() - this.#startMs);
  }

  nextId(): number {
    return ++this.#ids;
  }

  /** Notes a disturbance, with its end once `run` is over. */
  async disturb(what: Omit<Disturbance, 'began' | 'ended' | 'beganMs' | 'endedMs'>, run: () => Promise<void>) {
    const noted = { ...what, began: this.tick(), beganMs: this.nowMs(), ended: Infinity, endedMs: Infinity };
    this.disturbances.push(noted);
    try {
      await run();
    } finally {
      noted.ended = this.tick();
      noted.endedMs = this.nowMs();
    }
  }
}

/** Writes everything, a line each, in no particular order but that of its lists. */
export function writeRecords(path: string, records: Records, etcd: readonly object[]): void {
  const lines = (type: string, all: readonly object[]) => all.map((x) => JSON.stringify({ record: type, ...x }));
  const all = [
    ...lines('disturbance', records.disturbances),
    ...lines('operation', records.operations),
    ...lines('watch', records.watches),
    ...lines('etcd', etcd),
  ];
  writeFileSync(path, `${all.join('\n')}\n`);
}

export const stampOf = (object: KubeObject | undefined): string | undefined => object?.metadata.annotations?.stamp;
export const revisionOf = (object: KubeObject): number => Number(object.metadata.resourceVersion);

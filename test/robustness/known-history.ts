// A small history that is good, written down by hand, with something in it for every rule; and what to write more with.
import type { KubeObject } from '../../machinery/metadata.ts';
import { check } from './check.ts';
import type { EtcdWrite } from './etcd-history.ts';
import type { Operation, Outcome, Records, Request, WatchEvent, WatchRequest, WatchSession } from './history.ts';

const namespace = 'ns';
const hold = 'example.com/hold';

interface Fields {
  color?: string;
  finalizers?: string[];
  deleting?: boolean;
  data?: Record<string, string>;
}

/** A config map in a version; its uid tells when it was made. */
export function configMap(name: string, uid: string, revision: number, stamp: string, fields: Fields = {}): KubeObject {
  const { color, finalizers, deleting, data = { n: '0' } } = fields;
  const metadata = {
    name,
    uid,
    annotations: { stamp },
    resourceVersion: String(revision),
    ...(color ? { labels: { color } } : {}),
    ...(finalizers ? { finalizers } : {}),
    ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 } : {}),
  };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as KubeObject;
}

/** As a client sends it: without what the server gives. */
export function sent(object: KubeObject, given: { resourceVersion?: string } = {}): KubeObject {
  const { uid: _u, resourceVersion: _r, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...given } };
}

export const deleted = (uid: string) => ({ kind: 'Status', status: 'Success', details: { uid } });
export const conflict: Outcome = { result: 'refused', code: 409, reason: 'Conflict', message: '' };
export const notFound: Outcome = { result: 'refused', code: 404, reason: 'NotFound', message: '' };
const exists: Outcome = { result: 'refused', code: 409, reason: 'AlreadyExists', message: '' };
const lost: Outcome = { result: 'unknown', why: 'no answer' };
export const done = (object: unknown): Outcome => ({ result: 'done', code: 200, object });
export const listed = (revision: number, ...items: KubeObject[]): Outcome => ({ result: 'listed', revision, items });

export class World {
  readonly records: Records = { operations: [], watches: [], disturbances: [] };
  readonly writes: EtcdWrite[] = [];
  readonly named: Record<string, Operation> = {};
  #moment = 0;

  tick(): number {
    return ++this.#moment;
  }

  /** etcd gets a version; `undefined`: the object is gone. */
  etcd(name: string, revision: number, object: KubeObject | undefined): void {
    const { resourceVersion: _, ...metadata } = object?.metadata ?? {};
    const value = object && Buffer.from(JSON.stringify({ ...object, metadata }));
    const seen = this.tick();
    this.writes.push({ revision, key: `/registry/configmaps/${namespace}/${name}`, value, seen, seenMs: seen });
  }

  /** A request and its answer, with what it does in between. */
  op(id: string, name: string, request: Request, outcome: Outcome, does: () => void = () => undefined): Operation {
    const called = this.tick();
    does();
    const returned = this.tick();
    const stamp = 'object' in request ? request.object.metadata.annotations!.stamp : undefined;
    const who = { client: 'c', server: 0, resource: 'configmaps', name } as const;
    const when = { called, returned, calledMs: called, returnedMs: returned };
    const operation = { id: this.tick(), ...who, request, ...(stamp ? { stamp } : {}), ...when, outcome };
    this.records.operations.push(operation);
    this.named[id] = operation;
    return operation;
  }

  watch(request: WatchRequest, events: readonly [WatchEvent['type'], object][], called = this.tick()): WatchSession {
    const session: WatchSession = {
      id: this.tick(),
      client: 'w',
      server: 0,
      resource: 'configmaps',
      request,
      called,
      calledMs: called,
      code: 200,
      events: events.map(([type, object]) => ({ type, object, moment: this.tick(), ms: 0 })),
    };
    this.records.watches.push(session);
    return session;
  }

  check(): string[] {
    return check({ history: this.records, writes: this.writes, namespace });
  }
}

export const a11 = configMap('a', 'A', 11, 's1');
export const a12 = configMap('a', 'A', 12, 's2', { color: 'red' });
export const a13 = configMap('a', 'A', 13, 's3', { color: 'blue' });
const b14 = configMap('b', 'B', 14, 's4', { finalizers: [hold] });
export const b15 = configMap('b', 'B', 15, 's4', { finalizers: [hold], deleting: true });
const b15bare = configMap('b', 'B', 15, 's5', { deleting: true });
export const c18 = configMap('c', 'C', 18, 's7', { color: 'red' });
export const at = (object: KubeObject, revision: number) => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(revision) },
});
export const bookmark = (revision: number, isEnd = false) => ({
  kind: 'ConfigMap',
  metadata: {
    resourceVersion: String(revision),
    ...(isEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  },
});
const patchOf = (stamp: string, metadata: object) => ({ metadata: { annotations: { stamp }, ...metadata } });
const everything: [WatchEvent['type'], object][] = [
  ['ADDED', a11],
  ['MODIFIED', a12],
  ['MODIFIED', a13],
  ['ADDED', b14],
  ['MODIFIED', b15],
  ['DELETED', at(b15, 16)],
  ['DELETED', at(a13, 17)],
  ['ADDED', c18],
];

interface Watches {
  all: WatchSession;
  red: WatchSession;
  list: WatchSession;
  state: WatchSession;
  marked: WatchSession;
}

/** What a good API server's history looks like, with everything in it that the rules are about. */
export function goodWorld(): World & { watches: Watches } {
  const w = new World();
  w.op('create', 'a', { verb: 'create', object: sent(a11) }, done(a11), () => w.etcd('a', 11, a11));
  w.op('get', 'a', { verb: 'get', at: undefined }, done(a11));
  w.op('update', 'a', { verb: 'update', object: sent(a12, { resourceVersion: '11' }) }, done(a12), () =>
    w.etcd('a', 12, a12),
  );
  w.op(
    'stale update',
    'a',
    { verb: 'update', object: sent(configMap('a', 'A', 0, 's8'), { resourceVersion: '11' }) },
    conflict,
  );
  w.op('patch', 'a', { verb: 'merge-patch', patch: patchOf('s3', { labels: { color: 'blue' } }) }, done(a13), () =>
    w.etcd('a', 13, a13),
  ).stamp = 's3';
  w.op('no-op', 'a', { verb: 'update', object: a13 }, done(a13));
  w.op('old get', 'a', { verb: 'get', at: 12 }, done(a12));
  w.records.operations.at(-1)!.request = { verb: 'get', at: 0 };
  w.op('create held', 'b', { verb: 'create', object: sent(b14) }, done(b14), () => w.etcd('b', 14, b14));
  w.op('delete held', 'b', { verb: 'delete' }, done(b15), () => w.etcd('b', 15, b15));
  const listing = w.tick();
  const release = { verb: 'merge-patch', patch: patchOf('s5', { finalizers: null }) } as const;
  w.op('list', '', { verb: 'list', at: undefined }, listed(15, a13, b15));
  w.op('release', 'b', release, done(b15bare), () => w.etcd('b', 16, undefined)).stamp = 's5';
  w.op('list blue', '', { verb: 'list', at: undefined, labelSelector: 'color=blue' }, listed(16, a13));
  w.op('create again', 'a', { verb: 'create', object: sent(configMap('a', 'A2', 0, 's6')) }, exists);
  w.op('delete', 'a', { verb: 'delete', preconditions: { resourceVersion: '13' } }, done(deleted('A')), () =>
    w.etcd('a', 17, undefined),
  );
  w.op('get gone', 'a', { verb: 'get', at: undefined }, notFound);
  w.op('lost', 'c', { verb: 'create', object: sent(c18) }, lost);
  w.etcd('c', 18, c18);
  w.op('lost for good', 'c', { verb: 'delete', preconditions: { uid: 'other' } }, lost);
  const watches = {
    all: w.watch({ after: 10, bookmarks: true }, [
      ...everything.slice(0, 3),
      ['BOOKMARK', bookmark(13)],
      ...everything.slice(3),
    ]),
    red: w.watch({ after: 10, bookmarks: false, labelSelector: 'color=red' }, [
      ['ADDED', a12],
      ['DELETED', at(a12, 13)],
      ['ADDED', c18],
    ]),
    list: w.watch({ after: 12, sendInitialEvents: true, bookmarks: true }, [
      ['ADDED', a13],
      ['ADDED', b15],
      ['BOOKMARK', bookmark(15, true)],
      ...everything.slice(5),
    ]),
    state: w.watch(
      { after: undefined, bookmarks: true },
      [['ADDED', a13], ['ADDED', b15], ...everything.slice(5)],
      listing,
    ),
    marked: w.watch({ after: 12, bookmarks: true }, [
      ['MODIFIED', a13],
      ['BOOKMARK', bookmark(13)],
    ]),
  };
  return Object.assign(w, { watches });
}

export type Good = ReturnType<typeof goodWorld>;

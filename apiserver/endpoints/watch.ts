// Watches: from a version, from now, or from the beginning; with bookmarks and the
// initial-events-end mark. A watch is a plain object fed by the resource's cache; the HTTP side
// gives it a sink.
//
// An object that leaves the selection is DELETED for this watcher, one that enters it is ADDED.
import type { Timer } from '../../machinery/clock.ts';
import { expiredError } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { ApiContext } from '../registry/context.ts';
import type { CacheEvent, CacheWatcher, ResourceCache } from '../storage/resource-cache.ts';
import { keyPrefixOf, type StoredObject } from '../storage/stored-object.ts';
import { inTurns } from '../turns.ts';
import type { ApiRequest } from './exchange.ts';
import { InOrder } from './in-order.ts';
import { parseRevision, readWatchOptions } from './list-options.ts';
import { nameSelection, readSelection, type Selection } from './selection.ts';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** Where the events of one watch go. */
export interface WatchSink {
  event(type: WatchEventType, stored: StoredObject): void;
  /** Nothing older than `revision` will come. */
  bookmark(revision: number, initialEventsEnd: boolean): void;
  /** The watch can no longer be served: an ERROR event with 410 and the end. */
  expired(message: string): void;
  flush(): void;
}

export interface WatchRequest {
  kind: Kind;
  prefix: string;
  selection: Selection;
  /** Undefined: begin with what there is; else events after this version. */
  after: number | undefined;
  sendInitialEvents: boolean;
  bookmarks: boolean;
  timeoutMs: number;
}

const minTimeoutMs = 1_800_000;
const bookmarkPeriodMs = 60_000;
/** So long before the end of a watch the last one comes: who watches on begins there. */
const lastBookmarkMs = 2_000;

/** Reads and checks the options of a watch, and waits until the cache can serve it. */
export async function openWatch(context: ApiContext, request: ApiRequest): Promise<WatchRequest> {
  const { kind, info } = request;
  const { resourceVersion, sendInitialEvents, bookmarks, timeout } = readWatchOptions(info.query);
  const revision = parseRevision(resourceVersion);
  if (resourceVersion === '') await context.store.cache.waitConsistent();
  else if (sendInitialEvents) await context.store.cache.waitFor(revision);
  const fromState = sendInitialEvents ?? revision === 0;
  const spread = minTimeoutMs * (1 + context.random.next());
  const namespacePart = kind.namespaced && info.namespace ? `${info.namespace}/` : '';
  const selection = readSelection(request);
  return {
    kind,
    prefix: keyPrefixOf(kind) + namespacePart,
    selection: info.name ? nameSelection(selection, info.name) : selection,
    after: fromState ? undefined : revision > 0 ? revision : context.store.cache.position,
    sendInitialEvents: sendInitialEvents === true,
    bookmarks,
    timeoutMs: timeout > 0 ? timeout * 1000 : spread,
  };
}

/**
 * Starts feeding the sink. Returns how to stop. Nothing is missed and nothing comes twice: what there is and who is told
 * of what follows is noted in one turn of the event loop. Long beginnings are told in several; what happens meanwhile
 * waits for its place.
 */
export function startWatch(
  context: ApiContext,
  cache: ResourceCache,
  watch: WatchRequest,
  sink: WatchSink,
): () => void {
  const { kind, prefix } = watch;
  const { matches } = watch.selection;
  // What a client has seen elsewhere may not have come here yet.
  const { after = 0 } = watch;
  // A kind whose columns or conversion fail on an object ends the watch that asked for them, and nothing else: this
  // runs inside the one watch of etcd that feeds everybody.
  const order = new InOrder(context.clock, (err) => {
    context.log.error({ err, resource: prefix }, 'an event cannot be shown to a watcher');
    sink.expired('an event cannot be shown in the form asked for');
  });
  const tellAll = <T>(all: Iterable<T>, tell: (one: T) => void) =>
    inTurns(
      (function* () {
        for (const one of all) {
          if (order.ended) return;
          tell(one);
          yield;
        }
      })(),
      context.clock,
    );
  if (watch.after === undefined) {
    const present = [...cache.list(prefix)];
    const add = (stored: StoredObject) => {
      if (!matches || matches(stored)) sink.event('ADDED', stored);
    };
    order.run(() => whenThere(context.store.view(kind, present), (objects) => tellAll(objects, add)));
    const { position } = context.store.cache;
    if (watch.sendInitialEvents && watch.bookmarks) order.run(() => sink.bookmark(position, true));
  } else {
    const events = cache.since(watch.after);
    if (!events) throw expiredError(`too old resource version: ${watch.after} (${cache.oldestRevision})`);
    const own = events.filter(({ stored }) => stored.key.startsWith(prefix));
    if (kind.storedForm) for (const event of own) order.run(deliverEvent, event);
    else order.run(() => tellAll(own, (event) => deliver(event, matches, sink)));
  }
  const flush = () => sink.flush();
  order.run(flush);
  function deliverEvent(event: CacheEvent): void | Promise<void> {
    if (!kind.storedForm) return deliver(event, matches, sink);
    const { stored, previous } = event;
    return whenThere(context.store.view(kind, previous ? [stored, previous] : [stored]), ([now, before]) =>
      deliver({ ...event, stored: now!, previous: before }, matches, sink),
    );
  }
  const { trigger } = watch.selection;
  const watcher: CacheWatcher = {
    prefix,
    ...(trigger ? { trigger } : {}),
    onEvent: (event) => {
      if (event.revision > after) order.run(deliverEvent, event);
    },
    flush: () => order.run(flush),
    onReset: () => sink.expired('the watch cache was reset: list again'),
  };
  cache.watchers.add(watcher);
  const bookmark = () => {
    const { position } = context.store.cache;
    if (position >= after) order.run(() => sink.bookmark(position, false));
  };
  const timers: Timer[] = [];
  if (watch.bookmarks) {
    timers.push(context.clock.every(bookmarkPeriodMs, bookmark));
    const untilLastMs = watch.timeoutMs - lastBookmarkMs;
    if (untilLastMs > 0) timers.push(context.clock.after(untilLastMs, bookmark));
  }
  return () => {
    order.end();
    cache.watchers.delete(watcher);
    for (const timer of timers) timer.cancel();
  };
}

function whenThere<T>(value: T | Promise<T>, use: (value: T) => void | Promise<void>): void | Promise<void> {
  return value instanceof Promise ? value.then(use) : use(value);
}

function deliver(event: CacheEvent, matches: Selection['matches'], sink: WatchSink): void {
  if (!matches) {
    sink.event(event.type, event.stored);
    return;
  }
  const is = event.type !== 'DELETED' && matches(event.stored);
  const was = event.previous !== undefined && matches(event.previous);
  if (is) sink.event(was ? 'MODIFIED' : 'ADDED', event.stored);
  else if (was)
    sink.event('DELETED', event.type === 'DELETED' ? event.stored : event.previous!.atRevision(event.revision));
}

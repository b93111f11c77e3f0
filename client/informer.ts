// An informer lists and watches one kind and keeps a cache that others read and are told about. It
// survives every break of the watch: it goes on from the last version it saw, and lists again when
// that version is gone.
//
//   list ──> watch ──ended──> watch again from the last version
//    ^         └── version gone, or never reached ──┐
//    └──────────────────────────────────────────────┘        (any failure waits, longer each time, up to a few seconds)

import type { Clock } from '../machinery/clock.ts';
import { isExpired, StatusError, statusErrorFrom } from '../machinery/errors.ts';
import type { Logger } from '../machinery/log.ts';
import { type KubeObject, keyOf } from '../machinery/metadata.ts';
import type { Random } from '../machinery/random.ts';
import type { ResourceClient, WatchEvent } from './rest.ts';
import { shareTexts } from './shared-texts.ts';
import { type IndexFunction, type Lister, ObjectCache } from './store.ts';

/** `old` is absent for an added object, `object` for a deleted one. Must not wait. */
export type ChangeHandler<T> = (object: T | undefined, old: T | undefined) => void;

export interface InformerOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Keep only metadata, for those who look at nothing else. */
  metadataOnly?: boolean;
}

export interface InformerDeps {
  clock: Clock;
  random: Random;
  log: Logger;
}

/** What the rest of a component sees of an informer; the fake of tests implements it too. */
export interface Informer<T extends KubeObject> {
  readonly lister: Lister<T>;
  addIndex(name: string, values: IndexFunction<T>): void;
  /** Called for everything that is there and every change from now on. */
  onChange(handler: ChangeHandler<T>): void;
  /** Resolves when the first list is in the cache. */
  synced(): Promise<void>;
  /** Whether everything up to a version of the server is in the cache. */
  hasSeen(resourceVersion: string): boolean;
}

const firstDelayMs = 50;
const maxDelayMs = 5_000;
const watchSeconds = 300;
/** A watch that the server ends before is a failure: asking again at once would go on without pause. */
const minWatchMs = 1_000;
/** So many failures in a row are no restart of the server any more. */
const tellingFailures = 8;

/** Whether the server cannot go on from the version: it keeps it no longer, or its store was put back to before it. */
function isVersionLost(err: unknown): boolean {
  if (isExpired(err)) return true;
  return err instanceof StatusError && (err.details?.causes ?? []).some((c) => c.reason === 'ResourceVersionTooLarge');
}

/** Drops what no controller reads (managedFields are often half of an object), and shares with others what they say too. */
function slim<T extends KubeObject>(object: T, metadataOnly = false): T {
  // Deleted, it would make a hash table of the rest, which takes three times the memory.
  object.metadata.managedFields = undefined;
  const { apiVersion, kind, metadata } = object;
  const kept = metadataOnly ? { ...(apiVersion ? { apiVersion } : {}), ...(kind ? { kind } : {}), metadata } : object;
  shareTexts(kept);
  return kept as T;
}

export class WatchingInformer<T extends KubeObject> implements Informer<T> {
  readonly #client: ResourceClient<T>;
  readonly #options: InformerOptions;
  readonly #deps: InformerDeps;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers: ChangeHandler<T>[] = [];
  #version = '';
  #failures = 0;
  #isSynced = false;
  #whenSynced: (() => void)[] = [];

  constructor(client: ResourceClient<T>, options: InformerOptions, deps: InformerDeps) {
    this.#client = client;
    this.#options = options;
    this.#deps = deps;
  }

  get lister(): Lister<T> {
    return this.#cache;
  }

  addIndex(name: string, values: IndexFunction<T>): void {
    this.#cache.addIndex(name, values);
  }

  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
    for (const object of this.#cache.list()) this.#tell(handler, object, undefined);
  }

  synced(): Promise<void> {
    if (this.#isSynced) return Promise.resolve();
    return new Promise((resolve) => this.#whenSynced.push(resolve));
  }

  hasSeen(resourceVersion: string): boolean {
    return this.#version !== '' && BigInt(this.#version) >= BigInt(resourceVersion);
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === '') await this.#list();
        const startedMs = this.#deps.clock.monotonicMs();
        await this.#watch(signal);
        if (this.#deps.clock.monotonicMs() - startedMs < minWatchMs)
          throw new Error('the server ended the watch at once');
        this.#failures = 0;
      } catch (err) {
        if (signal.aborted) return;
        if (isVersionLost(err)) this.#version = '';
        await this.#backOff(err, signal);
      }
    }
  }

  async #backOff(err: unknown, signal: AbortSignal): Promise<void> {
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** this.#failures++) * (0.75 + this.#deps.random.next() / 2);
    const level = this.#failures === tellingFailures ? 'warn' : 'debug';
    this.#deps.log[level]({ err, delayMs }, 'watch failed; trying again');
    await this.#deps.clock.sleep(delayMs, signal).catch(() => undefined); // aborted: the loop ends by itself
  }

  async #list(): Promise<void> {
    // Without a version: everything written before now is in it. A component that starts again must
    // see what it did before.
    const list = await this.#client.list(this.#options);
    const gone = new Set(this.#cache.keys());
    for (const object of list.items) {
      gone.delete(keyOf(object));
      this.#put(slim(object, this.#options.metadataOnly));
    }
    for (const key of gone) this.#remove(key);
    this.#version = list.resourceVersion;
    this.#isSynced = true;
    for (const resolve of this.#whenSynced.splice(0)) resolve();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const timeoutSeconds = Math.ceil(watchSeconds * (1 + this.#deps.random.next()));
    let failure: unknown;
    const stop = new AbortController();
    const options = {
      ...this.#options,
      resourceVersion: this.#version,
      timeoutSeconds,
      signal: AbortSignal.any([signal, stop.signal]),
    };
    try {
      await this.#client.watch(options, (event) => {
        if (event.type === 'ERROR') {
          failure = statusErrorFrom(event.object as object, 500);
          stop.abort();
        } else if (!failure) this.#apply(event);
      });
    } catch (err) {
      throw failure ?? err;
    }
    if (failure) throw failure;
  }

  #apply(event: WatchEvent<T>): void {
    const { object } = event;
    if (event.type === 'DELETED') this.#remove(keyOf(object), object);
    else if (event.type !== 'BOOKMARK') this.#put(slim(object, this.#options.metadataOnly));
    this.#version = object.metadata.resourceVersion ?? this.#version;
    this.#failures = 0;
  }

  #put(object: T): void {
    const known = this.#cache.get(keyOf(object));
    if (known?.metadata.resourceVersion === object.metadata.resourceVersion && known) return;
    // Another object of the same name: the old one is gone, whatever we missed between.
    if (known && known.metadata.uid !== object.metadata.uid) this.#remove(keyOf(known));
    const old = this.#cache.put(object);
    for (const handler of this.#handlers) this.#tell(handler, object, old);
  }

  #remove(key: string, last?: T): void {
    const old = this.#cache.remove(key);
    if (!old) return;
    for (const handler of this.#handlers) this.#tell(handler, undefined, last ?? old);
  }

  /** What one handler cannot deal with is its own trouble: the others hear of it all the same. */
  #tell(handler: ChangeHandler<T>, object: T | undefined, old: T | undefined): void {
    try {
      handler(object, old);
    } catch (err) {
      this.#deps.log.error({ err, key: keyOf((object ?? old)!) }, 'a handler of changes failed');
    }
  }
}

// The kinds that the server serves, as discovery tells: the built-in ones, and the custom ones that come and go. For
// controllers that deal with everything there is. Upstream: the discovery client and the RESTMapper that controllers reset.
import { kinds as builtInKinds } from '../api/index.ts';
import type { Clock } from '../machinery/clock.ts';
import { defineKind, type Kind, type Verb } from '../machinery/kind.ts';
import type { Logger } from '../machinery/log.ts';
import { objectMeta, typeMeta } from '../machinery/metadata.ts';
import { s } from '../machinery/schema.ts';
import type { Informer } from './informer.ts';

export interface ServedKinds {
  /** Every stored kind. A kind stays the same value as long as it is served. */
  readonly current: readonly Kind[];
  /** Calls the listener after every change. */
  onChange(listener: () => void): void;
  /** Resolves when discovery has been read once. */
  synced(): Promise<void>;
}

/** For whoever deals with built-in kinds alone: they neither come nor go. */
export const builtInServedKinds: ServedKinds = {
  current: builtInKinds,
  onChange: () => undefined,
  synced: async () => undefined,
};

interface DiscoveredResource {
  resource: string;
  responseKind: { group?: string; version: string; kind: string };
  scope: string;
  verbs: Verb[];
}

export interface DiscoveryDocument {
  items: { metadata: { name?: string }; versions?: { version: string; resources?: Partial<DiscoveredResource>[] }[] }[];
}

export interface DiscoveryDeps {
  /** Reads the aggregated document of the named groups. */
  read(): Promise<DiscoveryDocument>;
  definitions: Informer<any>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}

/** A server that is one of several hears of a definition a little later than another. */
const settleMs = 500;
const retryMs = 2_000;
/** What definitions do not tell of (aggregated servers) is found so. */
const lookAgainMs = 30_000;

const anyObject = s.object('', 'An object of which only metadata is known.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
});

/** Follows discovery until the signal is aborted. */
export class DiscoveredKinds implements ServedKinds {
  readonly #deps: DiscoveryDeps;
  readonly #builtIn: readonly Kind[];
  readonly #custom = new Map<string, Kind>();
  readonly #listeners = new Set<() => void>();
  readonly #synced: Promise<void>;
  #current: readonly Kind[];
  #wake: (() => void) | undefined;

  constructor(deps: DiscoveryDeps, builtIn: readonly Kind[] = builtInKinds) {
    this.#deps = deps;
    this.#builtIn = builtIn.filter((kind) => kind.stored);
    this.#current = this.#builtIn;
    deps.definitions.onChange(() => this.#wake?.());
    let done!: () => void;
    this.#synced = new Promise((resolve) => {
      done = resolve;
    });
    deps.signal.addEventListener('abort', () => this.#wake?.());
    void this.#follow(done);
  }

  get current(): readonly Kind[] {
    return this.#current;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  synced(): Promise<void> {
    return this.#synced;
  }

  async #follow(done: () => void): Promise<void> {
    const { clock, log, read, signal } = this.#deps;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      let waitMs = lookAgainMs;
      try {
        this.#take(await read());
        done();
      } catch (err) {
        if (!signal.aborted) log.debug({ err }, 'discovery cannot be read; trying again');
        waitMs = retryMs;
      }
      const timer = clock.after(waitMs, () => this.#wake?.());
      await woken;
      timer.cancel();
      if (!signal.aborted) await clock.sleep(settleMs);
    }
  }

  #take({ items }: DiscoveryDocument): void {
    const known = new Set(this.#builtIn.map((kind) => `${kind.group}/${kind.plural}`));
    const found = new Map<string, Kind>();
    for (const { versions = [] } of items) {
      for (const { resources = [] } of versions) {
        for (const one of resources.filter(isWhole)) {
          const key = `${one.responseKind.group ?? ''}/${one.resource}`;
          // The first version is the one that the server prefers.
          if (!known.has(key) && !found.has(key)) found.set(key, this.#same(key, one) ?? kindOf(one));
        }
      }
    }
    const isChanged =
      found.size !== this.#custom.size || [...found].some(([key, kind]) => this.#custom.get(key) !== kind);
    if (!isChanged) return;
    this.#custom.clear();
    for (const [key, kind] of found) this.#custom.set(key, kind);
    this.#current = [...this.#builtIn, ...found.values()];
    for (const listener of this.#listeners) listener();
  }

  #same(key: string, { responseKind, scope, verbs }: DiscoveredResource): Kind | undefined {
    const before = this.#custom.get(key);
    const isSame =
      before?.storage.version === responseKind.version &&
      before.kind === responseKind.kind &&
      before.scope === scope &&
      before.verbs.join() === verbs.join();
    return isSame ? before : undefined;
  }
}

/** An aggregated server may tell of parts alone. */
const isWhole = (one: Partial<DiscoveredResource>): one is DiscoveredResource =>
  !!(one.resource && one.responseKind?.kind && one.responseKind.version && one.verbs);

function kindOf({ resource, responseKind, scope, verbs }: DiscoveredResource): Kind {
  const { group = '', version, kind } = responseKind;
  return defineKind({
    kind,
    plural: resource,
    scope: scope === 'Cluster' ? 'Cluster' : 'Namespaced',
    verbs,
    isCustom: true,
    served: [{ group, version, schema: anyObject }],
  });
}

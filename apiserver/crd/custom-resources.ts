// Serves what CustomResourceDefinitions define: follows them, gives them their names, puts their kinds into the table and
// their objects into the watch cache, and empties them before they go. Upstream: apiextensions-apiserver's naming,
// establishing and finalizing controllers, and its handler.
import { cleanupFinalizer } from '../../api/apiextensions/customresourcedefinition/deletion.ts';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import type { Timer } from '../../machinery/clock.ts';
import { isTrue } from '../../machinery/conditions.ts';
import { isConflict, isNotFound, unlessGone } from '../../machinery/errors.ts';
import { cloneJson, detached, jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import type { CacheWatcher } from '../storage/resource-cache.ts';
import { keyPrefixOf, type StoredObject } from '../storage/stored-object.ts';
import type { Converter } from './conversion.ts';
import { type CustomKinds, customKinds, type DefinitionSource } from './custom-kind.ts';
import { acceptNames, type GivenNames, takenNames } from './names.ts';
import { establish, withCondition } from './status.ts';

const retryMs = 1_000;
const sweepPeriodMs = 60_000;

/** What of a definition is served now. */
interface Served extends CustomKinds {
  /** Of the definition the kinds were made from: only these parts of it matter to them. */
  made: { uid: string; generation: number; names: unknown; deleting: boolean };
  prefix: string;
  source: StoredSource;
}

/** A definition as the cache holds it: as bytes, parsed when somebody needs its schemas. */
class StoredSource implements DefinitionSource {
  stored: StoredObject;

  constructor(stored: StoredObject) {
    this.stored = stored;
  }

  get definition(): CustomResourceDefinition {
    const { object } = this.stored;
    this.stored.rest();
    return object as CustomResourceDefinition;
  }
}

export class CustomResources {
  readonly #context: ApiContext;
  readonly #kind: Kind<CustomResourceDefinition>;
  readonly #builtIn: readonly Kind[];
  readonly #convert: Converter;
  readonly #served = new Map<string, Served>();
  /** By the names of all definitions. */
  readonly #given = new Map<string, GivenNames>();
  /** Names whose definitions changed; whether somebody works on them. */
  readonly #dirty = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #sweep: Timer;
  #stopped = false;

  constructor(context: ApiContext, convert: Converter) {
    this.#context = context;
    this.#builtIn = context.kinds.kinds;
    this.#kind = context.kinds.kind(
      'apiextensions.k8s.io',
      'CustomResourceDefinition',
    ) as Kind<CustomResourceDefinition>;
    this.#convert = convert;
    this.#sweep = context.clock.every(sweepPeriodMs, () => {
      for (const served of this.#served.values()) served.restIfIdle();
    });
  }

  /** Follows the definitions. Resolves when all that are there are served. Call it again when the cache was reset. */
  async start(): Promise<void> {
    const cache = this.#context.store.resource(this.#kind);
    const prefix = keyPrefixOf(this.#kind);
    const watcher: CacheWatcher = {
      prefix,
      onEvent: ({ stored }) => this.#changed(stored.name),
      flush: () => undefined,
      onReset: () => undefined,
    };
    cache.watchers.add(watcher);
    const all = [...cache.list(prefix)];
    // Names that were given are kept, whichever definition comes first.
    this.#given.clear();
    for (const stored of all) this.#note(stored.name, new StoredSource(stored).definition);
    for (const name of new Set([...all.map((stored) => stored.name), ...this.#served.keys()])) this.#changed(name);
    await Promise.all(this.#working.values());
  }

  stop(): void {
    this.#stopped = true;
    this.#sweep.cancel();
  }

  #changed(name: string): void {
    this.#dirty.add(name);
    if (!this.#working.has(name)) this.#working.set(name, this.#work(name));
  }

  async #work(name: string): Promise<void> {
    while (this.#dirty.delete(name) && !this.#stopped) {
      try {
        await this.#sync(name);
      } catch (err) {
        if (!isConflict(err) && !isNotFound(err)) {
          this.#context.log.error({ err, name }, 'a CustomResourceDefinition cannot be served; trying again');
        }
        this.#again(name);
      }
    }
    this.#working.delete(name);
  }

  #again(name: string): void {
    this.#context.clock.after(retryMs, () => this.#changed(name));
  }

  #note(name: string, { spec, status }: CustomResourceDefinition): void {
    this.#given.set(name, detached({ group: spec.group, names: status?.acceptedNames ?? {} }));
  }

  async #sync(name: string): Promise<void> {
    const { store, clock } = this.#context;
    const stored = store.peek(this.#kind, '', name);
    const source = stored && new StoredSource(stored);
    const definition = source?.definition;
    const before = this.#served.get(name);
    if (before && before.made.uid !== definition?.metadata.uid) this.#withdraw(name, before);
    this.#given.delete(name);
    if (!definition) return;
    const taken = takenNames(definition.spec.group, this.#given.values(), this.#builtIn);
    const next = establish(definition, acceptNames(definition, taken), clock.now());
    this.#note(name, next);
    if (isTrue(next.status?.conditions, 'Established')) await this.#serve(name, next, source);
    if (definition.metadata.deletionTimestamp) return this.#finish(name, definition);
    if (!jsonEqual(next.status, definition.status)) await this.#writeStatus(definition, next.status);
    // A name that somebody else gave up may be free now.
    if (!isTrue(next.status?.conditions, 'NamesAccepted')) this.#again(name);
  }

  /** Puts the kinds of a definition into the table, or others in their place. */
  async #serve(name: string, definition: CustomResourceDefinition, source: StoredSource): Promise<void> {
    const { spec, metadata, status } = definition;
    const { uid = '', generation = 0, deletionTimestamp } = metadata;
    const names = detached(status?.acceptedNames);
    const made = { uid, generation, names, deleting: deletionTimestamp !== undefined };
    const before = this.#served.get(name);
    if (before && jsonEqual(before.made, made)) {
      // The same bytes as the cache: no others are held.
      before.source.stored = source.stored;
      return;
    }
    const kinds = customKinds(definition, source, this.#convert);
    const plural = status?.acceptedNames?.plural ?? spec.names.plural;
    const prefix = `/registry/${spec.group}/${plural}/`;
    await this.#context.store.cache.join(prefix);
    this.#context.kinds.exchange(before?.served ?? [], kinds.served);
    this.#served.set(name, { ...kinds, made, prefix, source });
  }

  #withdraw(name: string, served: Served): void {
    this.#served.delete(name);
    this.#context.kinds.exchange(served.served, []);
    this.#context.store.cache.leave(served.prefix);
  }

  async #writeStatus(definition: CustomResourceDefinition, status: unknown): Promise<void> {
    const { name = '', uid, resourceVersion } = definition.metadata;
    const produce = (old: KubeObject) => {
      const draft = cloneJson(old);
      // Decided for this state of the definition and no other.
      Object.assign(draft.metadata, { uid, resourceVersion });
      return { ...draft, status: cloneJson(status) };
    };
    const target = { namespace: '', name, subresource: 'status', produce };
    await updateObject(this.#context, this.#kind, target, writeAs(this.#kind));
  }

  /** A definition that is to go: its objects go first, then the finalizer that held it. */
  async #finish(name: string, definition: CustomResourceDefinition): Promise<void> {
    if (!definition.metadata.finalizers?.includes(cleanupFinalizer)) return;
    const { clock } = this.#context;
    const left = await this.#emptyOut(name);
    if (left > 0) {
      const condition = {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionInProgress',
        message: 'CustomResource deletion is in progress',
      };
      const conditions = withCondition(definition.status?.conditions ?? [], condition, clock.now());
      const status = { ...definition.status, conditions };
      if (!jsonEqual(status, definition.status)) await this.#writeStatus(definition, status);
      this.#again(name);
      return;
    }
    const produce = (old: KubeObject) => {
      const draft = cloneJson(old);
      draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer);
      return draft;
    };
    const target = { namespace: '', name, subresource: '', produce };
    await updateObject(this.#context, this.#kind, target, writeAs(this.#kind));
  }

  /** Deletes the objects of a definition; returns how many are left. */
  async #emptyOut(name: string): Promise<number> {
    const { store } = this.#context;
    const served = this.#served.get(name);
    if (!served) return 0;
    const kind = served.storage;
    await store.cache.waitConsistent();
    const objects = [...store.resource(kind).list(served.prefix)];
    for (const { object } of objects) {
      const { namespace = '', name: own = '', deletionTimestamp } = object.metadata;
      if (deletionTimestamp) continue;
      await unlessGone(deleteObject(this.#context, kind, { namespace, name: own, options: {} }, writeAs(this.#kind)));
    }
    await store.cache.waitConsistent();
    return [...store.resource(kind).list(served.prefix)].length;
  }
}

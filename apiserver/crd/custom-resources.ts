// Serves what CustomResourceDefinitions define: follows them, gives them their names, puts their kinds into the table and
// their objects into the watch cache, and empties them before they go. Upstream: apiextensions-apiserver's naming,
// establishing and finalizing controllers, and its handler.
import { cleanupFinalizer } from '../../api/apiextensions/customresourcedefinition/deletion.ts';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { isConflict, isNotFound } from '../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { loopbackUser } from '../authn/user.ts';
import type { ApiContext, WriteOptions } from '../registry/context.ts';
import { deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import type { CacheWatcher } from '../storage/resource-cache.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import type { Converter } from './conversion.ts';
import { customKinds, storageKind } from './custom-kind.ts';
import { acceptNames, takenNames } from './names.ts';
import { establish, isTrue, withCondition } from './status.ts';

const retryMs = 1_000;

/** What of a definition is served now. */
interface Served {
  uid: string;
  /** Of the definition the kinds were made from: only these parts of it matter to them. */
  made: Pick<CustomResourceDefinition, 'spec'> & { names: unknown; deleting: boolean };
  prefix: string;
  kinds: Kind[];
  /** The version objects are kept in, served or not. */
  storage: Kind;
}

export class CustomResources {
  readonly #context: ApiContext;
  readonly #kind: Kind<CustomResourceDefinition>;
  readonly #builtIn: readonly Kind[];
  readonly #convert: Converter;
  readonly #served = new Map<string, Served>();
  /** Names whose definitions changed; whether somebody works on them. */
  readonly #dirty = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  #stopped = false;

  constructor(context: ApiContext, convert: Converter) {
    this.#context = context;
    this.#builtIn = context.kinds.kinds;
    this.#kind = context.kinds.kind(
      'apiextensions.k8s.io',
      'CustomResourceDefinition',
    ) as Kind<CustomResourceDefinition>;
    this.#convert = convert;
  }

  /** Follows the definitions. Resolves when all that are there are served. Call it again when the cache was reset. */
  async start(): Promise<void> {
    const cache = this.#context.store.resource(this.#kind);
    const prefix = keyPrefixOf(this.#kind);
    const watcher: CacheWatcher = {
      prefix,
      onEvent: ({ stored }) => this.#changed(stored.object.metadata.name ?? ''),
      flush: () => undefined,
      onReset: () => undefined,
    };
    cache.watchers.add(watcher);
    const names = [...cache.list(prefix)].map(({ object }) => object.metadata.name ?? '');
    for (const name of new Set([...names, ...this.#served.keys()])) this.#changed(name);
    await Promise.all(this.#working.values());
  }

  stop(): void {
    this.#stopped = true;
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

  #definitions(): CustomResourceDefinition[] {
    const cache = this.#context.store.resource(this.#kind);
    return [...cache.list(keyPrefixOf(this.#kind))].map(({ object }) => object as CustomResourceDefinition);
  }

  async #sync(name: string): Promise<void> {
    const { store, clock } = this.#context;
    const definition = store.peek(this.#kind, '', name)?.object as CustomResourceDefinition | undefined;
    const before = this.#served.get(name);
    if (before && before.uid !== definition?.metadata.uid) this.#withdraw(name, before);
    if (!definition) return;
    const { group } = definition.spec;
    const others = this.#definitions().filter(({ metadata }) => metadata.name !== name);
    const next = establish(definition, acceptNames(definition, takenNames(group, others, this.#builtIn)), clock.now());
    if (isTrue(next, 'Established')) await this.#serve(name, next);
    if (definition.metadata.deletionTimestamp) return this.#finish(name, definition);
    if (!jsonEqual(next.status, definition.status)) await this.#writeStatus(definition, next.status);
    // A name that somebody else gave up may be free now.
    if (!isTrue(next, 'NamesAccepted')) this.#again(name);
  }

  /** Puts the kinds of a definition into the table, or others in their place. */
  async #serve(name: string, definition: CustomResourceDefinition): Promise<void> {
    const { spec, metadata, status } = definition;
    const made = { spec, names: status?.acceptedNames, deleting: metadata.deletionTimestamp !== undefined };
    const before = this.#served.get(name);
    if (before && jsonEqual(before.made, made)) return;
    const kinds = customKinds(definition, this.#convert);
    const plural = status?.acceptedNames?.plural ?? spec.names.plural;
    const prefix = `/registry/${spec.group}/${plural}/`;
    await this.#context.store.cache.join(prefix);
    this.#context.kinds.exchange(before?.kinds ?? [], kinds);
    this.#served.set(name, {
      uid: metadata.uid ?? '',
      made,
      prefix,
      kinds,
      storage: storageKind(definition, this.#convert),
    });
  }

  #withdraw(name: string, served: Served): void {
    this.#served.delete(name);
    this.#context.kinds.exchange(served.kinds, []);
    this.#context.store.cache.leave(served.prefix);
  }

  #writeOptions(): WriteOptions {
    const { apiVersion } = this.#kind;
    return { user: loopbackUser, dryRun: false, fieldManager: 'kube-apiserver', apiVersion, warnings: [] };
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
    await updateObject(this.#context, this.#kind, target, this.#writeOptions());
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
    await updateObject(this.#context, this.#kind, target, this.#writeOptions());
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
      await deleteObject(this.#context, kind, { namespace, name: own, options: {} }, this.#writeOptions()).catch(
        (err) => {
          if (!isNotFound(err)) throw err; // gone already is what was wanted
        },
      );
    }
    await store.cache.waitConsistent();
    return [...store.resource(kind).list(served.prefix)].length;
  }
}

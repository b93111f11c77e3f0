// Every resource that is served, found by group, version and plural. The built-in kinds come from api/index.ts; custom
// ones come, change and go while the server runs, and whoever keeps something made from the kinds subscribes.
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';

export interface ServedResource {
  kind: Kind;
  version: ServedVersion;
}

export interface GroupVersionResources {
  group: string;
  version: string;
  apiVersion: string;
  resources: ServedResource[];
}

export class KindTable {
  #kinds: readonly Kind[];
  /** Counts changes: what was made from the kinds is true as long as this stays. */
  #generation = 0;
  readonly #byPath = new Map<string, ServedResource>();
  readonly #byStorage = new Map<string, Kind>();
  /** The kinds of a resource, by group and plural: several where each version is a kind of its own. */
  readonly #byResource = new Map<string, readonly Kind[]>();
  /** By apiVersion and kind. */
  readonly #byKind = new Map<string, ServedResource>();
  readonly #listeners = new Set<() => void>();

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
    for (const kind of kinds) this.#enter(kind);
  }

  get kinds(): readonly Kind[] {
    return this.#kinds;
  }

  get generation(): number {
    return this.#generation;
  }

  find(group: string, version: string, plural: string): ServedResource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** The kind stored in `group`. */
  kind(group: string, kind: string): Kind {
    const found = this.#byStorage.get(`${group}/${kind}`);
    if (!found) throw new Error(`kind ${kind} of group "${group}" is not served`);
    return found;
  }

  /** The resource of a kind as objects name it. */
  ofKind(apiVersion: string, kind: string): ServedResource | undefined {
    return this.#byKind.get(`${apiVersion} ${kind}`);
  }

  /** The kinds whose objects lie in the same place. */
  ofResource(group: string, plural: string): readonly Kind[] {
    return this.#byResource.get(`${group}/${plural}`) ?? [];
  }

  /** Takes some kinds out and others in, at once. */
  exchange(out: readonly Kind[], into: readonly Kind[]): void {
    if (out.length === 0 && into.length === 0) return;
    for (const kind of out) this.#leave(kind);
    for (const kind of into) this.#enter(kind);
    const gone = new Set(out);
    this.#kinds = [...this.#kinds.filter((kind) => !gone.has(kind)), ...into];
    this.#generation++;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after every change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Served group/versions in the order of the kinds. */
  groupVersions(): GroupVersionResources[] {
    const out = new Map<string, GroupVersionResources>();
    for (const kind of this.#kinds) {
      for (const version of kind.served) {
        const apiVersion = apiVersionOf(version);
        const { group, version: name } = version;
        out
          .getOrInsert(apiVersion, { group, version: name, apiVersion, resources: [] })
          .resources.push({ kind, version });
      }
    }
    return [...out.values()];
  }

  #enter(kind: Kind): void {
    const key = `${kind.group}/${kind.kind}`;
    // Versions of a custom kind are kinds of their own; the first of them speaks for all.
    this.#byStorage.getOrInsert(key, kind);
    const resource = `${kind.group}/${kind.plural}`;
    this.#byResource.set(resource, [...this.ofResource(kind.group, kind.plural), kind]);
    for (const version of kind.served) {
      const entry = { kind, version };
      this.#byPath.set(pathOf(kind, version), entry);
      this.#byKind.getOrInsert(kindKeyOf(kind, version), entry);
    }
  }

  #leave(kind: Kind): void {
    const key = `${kind.group}/${kind.kind}`;
    if (this.#byStorage.get(key) === kind) this.#byStorage.delete(key);
    for (const version of kind.served) {
      this.#byPath.delete(pathOf(kind, version));
      const key = kindKeyOf(kind, version);
      if (this.#byKind.get(key)?.kind === kind) this.#byKind.delete(key);
    }
    const left = this.ofResource(kind.group, kind.plural).filter((one) => one !== kind);
    if (left.length > 0) this.#byResource.set(`${kind.group}/${kind.plural}`, left);
    else this.#byResource.delete(`${kind.group}/${kind.plural}`);
  }
}

const kindKeyOf = (kind: Kind, version: ServedVersion): string => `${apiVersionOf(version)} ${kind.kind}`;

const pathOf = (kind: Kind, { group, version }: ServedVersion): string => `${group}/${version}/${kind.plural}`;

// Every resource that is served, found by group, version and plural. The kinds come from api/index.ts.
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';

export interface ServedResource {
  kind: Kind;
  version: ServedVersion;
}

export class KindTable {
  readonly kinds: readonly Kind[];
  readonly #byPath = new Map<string, ServedResource>();
  readonly #byStorage = new Map<string, Kind>();

  constructor(kinds: readonly Kind[]) {
    this.kinds = kinds;
    for (const kind of kinds) {
      this.#byStorage.set(`${kind.group}/${kind.kind}`, kind);
      for (const version of kind.served) {
        this.#byPath.set(`${version.group}/${version.version}/${kind.plural}`, { kind, version });
      }
    }
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

  /** Served group/versions in the order of the kinds. */
  groupVersions(): { group: string; version: string; apiVersion: string; resources: ServedResource[] }[] {
    const out = new Map<string, { group: string; version: string; apiVersion: string; resources: ServedResource[] }>();
    for (const kind of this.kinds) {
      for (const version of kind.served) {
        const apiVersion = apiVersionOf(version);
        const entry = out.get(apiVersion) ?? {
          group: version.group,
          version: version.version,
          apiVersion,
          resources: [],
        };
        entry.resources.push({ kind, version });
        out.set(apiVersion, entry);
      }
    }
    return [...out.values()];
  }
}

// Documents as bytes, as long as somebody asks for them, and their hashes, as long as they are true: so that the list of
// all of them needs none of the bytes. A cluster may have hundreds of definitions, and a few that clients read.
import { createHash } from 'node:crypto';
import type { ServedVersion } from '../../machinery/kind.ts';
import type { GroupVersionResources } from '../registry/kind-table.ts';

export interface Document {
  body: Buffer;
  hash: string;
}

/** A document of some group/versions, true as long as they serve the same. */
interface Made {
  of: readonly ServedVersion[];
  hash: string;
  body: Buffer | undefined;
  isUsed: boolean;
}

/** What a document tells of, and how it is made. */
export interface Recipe {
  of: readonly GroupVersionResources[];
  build(): Buffer;
}

const isSame = (a: readonly ServedVersion[], b: readonly ServedVersion[]) =>
  a.length === b.length && a.every((version, i) => version === b[i]);

export const hashOf = (body: Buffer): string =>
  createHash('sha512').update(body).digest('hex').slice(0, 64).toUpperCase();

export class DocumentCache {
  readonly #made = new Map<string, Made>();

  /** The hash of a document; of one that is not known yet the bytes are made and not kept. */
  hash(key: string, recipe: Recipe): string {
    return this.#current(key, recipe)?.hash ?? this.#make(key, recipe, false).hash;
  }

  get(key: string, recipe: Recipe): Document {
    const made = this.#current(key, recipe);
    if (!made?.body) return this.#make(key, recipe, true);
    made.isUsed = true;
    return { body: made.body, hash: made.hash };
  }

  /** Forgets those whose keys are no longer wanted. */
  keepOnly(isWanted: (key: string) => boolean): void {
    for (const key of this.#made.keys()) if (!isWanted(key)) this.#made.delete(key);
  }

  /** Lets go of the bytes that nobody has asked for since the last time. */
  restIfIdle(): void {
    for (const made of this.#made.values()) {
      if (!made.isUsed) made.body = undefined;
      made.isUsed = false;
    }
  }

  #current(key: string, { of }: Recipe): Made | undefined {
    const made = this.#made.get(key);
    return made && isSame(made.of, versionsOf(of)) ? made : undefined;
  }

  #make(key: string, { of, build }: Recipe, isKept: boolean): Document {
    const body = build();
    const hash = hashOf(body);
    this.#made.set(key, { of: versionsOf(of), hash, body: isKept ? body : undefined, isUsed: isKept });
    return { body, hash };
  }
}

const versionsOf = (of: readonly GroupVersionResources[]) =>
  of.flatMap(({ resources }) => resources.map(({ version }) => version));

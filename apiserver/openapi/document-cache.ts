// Documents as bytes, as long as somebody asks for them, and their hashes, as long as they are true: so that the list of
// all of them needs none of the bytes. A cluster may have hundreds of definitions, and a few that clients read.
import { createHash } from 'node:crypto';
import type { GroupVersionResources } from '../registry/kind-table.ts';

export interface Document {
  body: Buffer;
  hash: string;
}

/** A document of some parts, true as long as they are the same. */
interface Made {
  of: readonly object[];
  hash: string;
  body: Buffer | undefined;
  isUsed: boolean;
}

/** What a document tells of, and how it is made. */
export interface Recipe {
  of: readonly GroupVersionResources[];
  /** What else is in it. */
  added?: readonly object[];
  build(): Buffer;
}

const isSame = (a: readonly object[], b: readonly object[]) =>
  a.length === b.length && a.every((one, i) => one === b[i]);

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

  #current(key: string, recipe: Recipe): Made | undefined {
    const made = this.#made.get(key);
    return made && isSame(made.of, partsOf(recipe)) ? made : undefined;
  }

  #make(key: string, recipe: Recipe, isKept: boolean): Document {
    const body = recipe.build();
    const hash = hashOf(body);
    this.#made.set(key, { of: partsOf(recipe), hash, body: isKept ? body : undefined, isUsed: isKept });
    return { body, hash };
  }
}

const partsOf = ({ of, added = [] }: Recipe): object[] => [
  ...of.flatMap(({ resources }) => resources.map(({ version }) => version)),
  ...added,
];

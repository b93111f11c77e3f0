// Documents as bytes, as long as somebody asks for them, and their hashes, as long as they are true: so that the list of
// all of them needs none of the bytes. A cluster may have hundreds of definitions, and a few that clients read. They are
// made in turns, one document at a time; whoever asks meanwhile waits for it.
import { createHash, type Hash } from 'node:crypto';
import type { Clock } from '../../machinery/clock.ts';
import type { GroupVersionResources } from '../registry/kind-table.ts';
import { inTurns } from '../turns.ts';

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
  /** The how-manieth making it was. */
  making: number;
}

/** What a document tells of, and how it is made. */
export interface Recipe {
  of: readonly GroupVersionResources[];
  /** What else is in it. */
  added?: readonly object[];
  /** Its bytes, piece by piece. */
  build(): Iterable<string | Buffer>;
}

const isSame = (a: readonly object[], b: readonly object[]) =>
  a.length === b.length && a.every((one, i) => one === b[i]);

const hashFunction = () => createHash('sha512');
const textOf = (hash: Hash) => hash.digest('hex').slice(0, 64).toUpperCase();

export const hashOf = (body: Buffer): string => textOf(hashFunction().update(body));

export class DocumentCache {
  readonly #clock: Clock;
  readonly #made = new Map<string, Made>();
  #makings = 0;
  /** Resolves when what is being made now is made, or is not to be. */
  #making: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The hash of a document; of one that is not known yet the bytes are made and not kept. */
  async hash(key: string, recipe: () => Recipe): Promise<string> {
    const { hash } = await this.#find(key, recipe, false);
    return hash;
  }

  async get(key: string, recipe: () => Recipe): Promise<Document> {
    const made = await this.#find(key, recipe, true);
    made.isUsed = true;
    return { body: made.body!, hash: made.hash };
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

  /** What is true now, or was made from the beginning since the question. */
  async #find(key: string, recipe: () => Recipe, withBody: boolean): Promise<Made> {
    const asked = this.#makings;
    for (;;) {
      const now = recipe();
      const made = this.#made.get(key);
      const isTrue = made && (made.making > asked || isSame(made.of, partsOf(now)));
      if (isTrue && (made.body || !withBody)) return made;
      if (!this.#making) return this.#make(key, now, withBody);
      await this.#making;
    }
  }

  async #make(key: string, recipe: Recipe, withBody: boolean): Promise<Made> {
    let isOver = () => {};
    this.#making = new Promise((resolve) => {
      isOver = resolve;
    });
    const making = ++this.#makings;
    try {
      const of = partsOf(recipe);
      const { hash, pieces } = await inTurns(gather(recipe.build(), withBody), this.#clock);
      const body = withBody ? Buffer.concat(pieces) : undefined;
      const made = { of, hash, body, isUsed: withBody, making };
      this.#made.set(key, made);
      return made;
    } finally {
      this.#making = undefined;
      isOver();
    }
  }
}

function* gather(
  text: Iterable<string | Buffer>,
  isKept: boolean,
): Generator<void, { hash: string; pieces: Buffer[] }> {
  const hash = hashFunction();
  const pieces: Buffer[] = [];
  for (const piece of text) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    hash.update(bytes);
    if (isKept) pieces.push(bytes);
    yield;
  }
  return { hash: textOf(hash), pieces };
}

const partsOf = ({ of, added = [] }: Recipe): object[] => [
  ...of.flatMap(({ resources }) => resources.map(({ version }) => version)),
  ...added,
];

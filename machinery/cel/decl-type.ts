// What an expression may know of JSON values: their type, how large they can be, and how they are read. Everything that
// brings values to CEL describes them so: our schema values (decl-schema.ts), the schemas of custom resources
// (decl-openapi.ts). Upstream: apiserver/pkg/cel's DeclType.
import { maxRequestBytes } from './limits.ts';
import { type CelType, type ObjectType, t } from './types.ts';

/** How a scalar of JSON becomes a value. */
export type Reading = 'as-is' | 'int' | 'double' | 'bytes' | 'timestamp' | 'date' | 'duration' | 'dyn';

export interface DeclType {
  /** What the checker gives a variable or field of this description. */
  readonly type: CelType;
  readonly reading: Reading;
  /** The largest size: code points, bytes, items or entries; 0 for what has none. */
  readonly maxElements: number;
  /** The fewest bytes of JSON that such a value takes. */
  readonly minBytes: number;
  /** Null is a value of its own. */
  readonly nullable?: boolean;
  /** An object's fields by their names in CEL (`escapeName`). May be computed when first asked for. */
  readonly fields?: ReadonlyMap<string, DeclField>;
  /** An object's field as CEL names it, by its name in JSON. */
  readonly fieldName?: (name: string) => string | undefined;
  /** Of a list its items, of a map its values. */
  readonly element?: DeclType;
  /** Lists that are equal in any order: sets, and objects told apart by these fields. */
  readonly unordered?: 'set' | { readonly keys: readonly string[] };
}

interface DeclField {
  /** The name in JSON. */
  readonly name: string;
  readonly decl: DeclType;
}

function scalar(type: CelType, reading: Reading, maxElements: number, minBytes: number): DeclType {
  return { type, reading, maxElements, minBytes };
}

const stringBound = maxRequestBytes - 2;

/** Makers of descriptions; bounds that are not given follow from the largest request. */
export const decl = {
  bool: scalar(t.bool, 'as-is', 0, 4),
  int: scalar(t.int, 'int', 0, 1),
  double: scalar(t.double, 'double', 0, 1),
  string: (maxElements = stringBound): DeclType => scalar(t.string, 'as-is', maxElements, 2),
  bytes: (maxElements = stringBound): DeclType => scalar(t.bytes, 'bytes', maxElements, 2),
  timestamp: scalar(t.timestamp, 'timestamp', 32, 21),
  date: scalar(t.timestamp, 'date', 12, 12),
  duration: scalar(t.duration, 'duration', 32, 3),
  /** JSON of any form, and int-or-string. */
  dyn: (maxElements = stringBound): DeclType => scalar(t.dyn, 'dyn', maxElements, 1),
  list(element: DeclType, maxItems?: number, unordered?: DeclType['unordered']): DeclType {
    const maxElements = maxItems ?? Math.floor((maxRequestBytes - 2) / (element.minBytes + 1));
    return {
      type: t.list(element.type),
      reading: 'as-is',
      maxElements,
      minBytes: 2,
      element,
      ...(unordered === undefined ? {} : { unordered }),
    };
  },
  map(element: DeclType, maxProperties?: number): DeclType {
    const maxElements = maxProperties ?? Math.floor((maxRequestBytes - 2) / (element.minBytes + 6));
    return { type: t.map(t.string, element.type), reading: 'as-is', maxElements, minBytes: 2, element };
  },
  /** `fields` by their names in JSON; asked for when first needed, so that a type may hold itself. */
  object(name: string, fields: () => Iterable<readonly [string, DeclType]>, minBytes = 2): DeclType {
    return new ObjectDecl(name, fields, minBytes);
  },
};

/** The same description, of values that may be null too. */
export function withNull(description: DeclType): DeclType {
  return description instanceof ObjectDecl ? description.withNull() : { ...description, nullable: true };
}

class ObjectDecl implements DeclType {
  readonly type: ObjectType;
  readonly reading = 'as-is';
  readonly maxElements = 0;
  readonly minBytes: number;
  readonly nullable: boolean;
  readonly #make: () => Iterable<readonly [string, DeclType]>;
  #fields: Map<string, DeclField> | undefined;

  constructor(name: string, make: () => Iterable<readonly [string, DeclType]>, minBytes: number, nullable = false) {
    this.#make = make;
    this.minBytes = minBytes;
    this.nullable = nullable;
    this.type = { kind: 'object', name, field: (field) => this.fields.get(field)?.decl.type, decl: this };
  }

  withNull(): ObjectDecl {
    return new ObjectDecl(this.type.name, this.#make, this.minBytes, true);
  }

  fieldName(name: string): string | undefined {
    const escaped = escapeName(name);
    return escaped !== undefined && this.fields.has(escaped) ? escaped : undefined;
  }

  get fields(): ReadonlyMap<string, DeclField> {
    if (this.#fields === undefined) {
      this.#fields = new Map();
      for (const [name, of] of this.#make()) {
        const escaped = escapeName(name);
        if (escaped !== undefined) this.#fields.set(escaped, { name, decl: of });
        // Reserved words that are names to the parser may be written as they are.
        if (reservedNames.has(name)) this.#fields.set(name, { name, decl: of });
      }
    }
    return this.#fields;
  }
}

const reservedNames = new Set(
  (
    'true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while'
  ).split(' '),
);
const escapes: Record<string, string> = { '-': '__dash__', '.': '__dot__', '/': '__slash__', __: '__underscores__' };

/** A field's name as an identifier of CEL: `a-b` is `a__dash__b`; undefined for what has no such form. */
export function escapeName(name: string): string | undefined {
  if (reservedNames.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_]/.test(name)) return undefined;
  const escaped = name.replace(/__|[-./]/g, (found) => escapes[found]!);
  return /^\w+$/.test(escaped) ? escaped : undefined;
}

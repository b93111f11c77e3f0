// What a MutatingAdmissionPolicy's expressions make: `Object{spec: Object.spec{replicas: 2}}` and `JSONPatch{op: 'add', ...}`.
// Upstream: apiserver/pkg/cel/mutation, library/jsonpatch.go.
import { type Library, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { type CelType, type ObjectType, t } from '../types.ts';
import { CelList, CelObject, type Value } from '../values.ts';

/** An object that an expression has made: the fields it has set, by their names in JSON. */
class MadeObject extends CelObject {
  readonly celType: ObjectType;
  readonly #fields: ReadonlyMap<string, Value>;
  constructor(type: ObjectType, fields: ReadonlyMap<string, Value>) {
    super();
    this.celType = type;
    this.#fields = fields;
  }
  get(name: string): Value | undefined {
    return this.#fields.get(name);
  }
  fields(): Iterable<string> {
    return this.#fields.keys();
  }
}

function makeType(name: string, field: (name: string) => CelType | undefined): ObjectType {
  const type: ObjectType = { kind: 'object', name, field, create: (fields) => new MadeObject(type, fields) };
  return type;
}

const patchFields: Record<string, CelType> = { op: t.string, path: t.string, from: t.string, value: t.dyn };

const jsonPatchType = makeType('JSONPatch', (name) =>
  Object.hasOwn(patchFields, name) ? patchFields[name] : undefined,
);
/** The part of an object that is applied: any field may be set. */
const applyType = makeType('Object', () => t.dyn);

/** `Object`, `Object.spec` and all below, and `JSONPatch`; undefined for other names. */
export function resolvePatchType(name: string): CelType | undefined {
  if (name === 'JSONPatch') return jsonPatchType;
  if (name === 'Object') return applyType;
  return name.startsWith('Object.') ? makeType(name, () => t.dyn) : undefined;
}

/** Throws `CelError` where an object stands in a field that its type is not named after. */
export function checkTypeNames(value: Value, expected = 'Object'): void {
  if (value instanceof CelList) {
    for (let i = 0; i < value.size; i++) checkTypeNames(value.at(i), expected);
    return;
  }
  if (!(value instanceof MadeObject)) return;
  const { name } = value.celType;
  if (name !== expected) {
    const rule = 'which must match field name path from root Object type';
    throw new CelError(`type mismatch: unexpected type name "${name}", expected "${expected}", ${rule}`);
  }
  for (const field of value.fields()) checkTypeNames(value.get(field)!, `${expected}.${field}`);
}

const escapeKey = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

export const patchLibrary: Library = {
  functions: [overload('jsonpatch.escapeKey', 'string_jsonpatch_escapeKey_string', 'string -> string', escapeKey)],
};

// Our schema values as CEL sees them: the objects of built-in kinds.
import type { AnySchema, ObjectSchema } from '../schema.ts';
import { type DeclType, decl } from './decl-type.ts';

const known = new WeakMap<AnySchema, DeclType>();

/** The description of a schema's values; one for each schema, which may hold itself. */
export function declFromSchema(schema: AnySchema): DeclType {
  let description = known.get(schema);
  if (description === undefined) {
    description = describe(schema);
    known.set(schema, description);
  }
  return description;
}

function describe(schema: AnySchema): DeclType {
  switch (schema.type) {
    case 'boolean':
      return decl.bool;
    case 'integer':
      return decl.int;
    case 'number':
      return decl.double;
    case 'string':
      return text(schema);
    case 'list': {
      const { listType, listMapKeys } = schema;
      const unordered =
        listType === 'map' && listMapKeys ? { keys: listMapKeys } : listType === 'set' ? 'set' : undefined;
      return decl.list(declFromSchema(schema.items), undefined, unordered);
    }
    case 'map':
      return decl.map(declFromSchema(schema.values));
    case 'object':
      return object(schema);
    default:
      return decl.dyn();
  }
}

function text(schema: AnySchema & { type: 'string' }): DeclType {
  switch (schema.format) {
    case 'byte':
      return decl.bytes();
    case 'date-time':
    case 'micro-time':
      return decl.timestamp;
    case 'int-or-string':
      return decl.dyn();
    default:
      return schema.enum ? decl.string(Math.max(...schema.enum.map((value) => value.length))) : decl.string();
  }
}

let anonymous = 0;

function object(schema: ObjectSchema): DeclType {
  const name = schema.name === '' ? `object_${anonymous++}` : schema.name;
  return decl.object(name, () =>
    Object.entries(schema.fields).map(([field, of]) => [field, declFromSchema(of)] as const),
  );
}

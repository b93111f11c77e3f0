// Protobuf forms of what the API answers: stored objects, and values that are not stored.
import { kinds, subresourceKinds } from '../../api/index.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';
import type { ObjectCodec } from '../storage/stored-object.ts';
import { encodeObject, type TypeMeta } from './envelope.ts';
import { metaMessages } from './meta-messages.ts';

export const protobufCodec: ObjectCodec = {
  encode: (object, kind, version) =>
    encodeObject({ apiVersion: apiVersionOf(version), kind: kind.kind }, version.schema, object),
};

let valueSchemas: Map<string, ObjectSchema> | undefined;

/** The schema of a value that is answered and not stored: a Status, a review, a Scale. */
function schemaOf({ apiVersion, kind }: Partial<TypeMeta>): ObjectSchema | undefined {
  if (!valueSchemas) {
    valueSchemas = new Map(Object.entries(metaMessages));
    for (const known of [...kinds, ...subresourceKinds])
      for (const version of known.served) valueSchemas.set(`${apiVersionOf(version)} ${known.kind}`, version.schema);
  }
  return valueSchemas.get(`${apiVersion || 'v1'} ${kind}`);
}

/** Any value that names its kind; undefined where that has no protobuf form. */
export function encodeValue(value: Partial<TypeMeta>): Buffer | undefined {
  const schema = schemaOf(value);
  const { apiVersion = '', kind = '' } = value;
  return schema && encodeObject({ apiVersion, kind }, schema, value);
}

// Protobuf forms of what the API answers: stored objects, lists of them, single values, events of a watch.
import { kinds, subresourceKinds } from '../../api/index.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';
import type { ObjectCodec } from '../storage/stored-object.ts';
import { encodeEnvelope, encodeObject, messageIn, type TypeMeta } from './envelope.ts';
import { messageCodec } from './message.ts';
import { listMeta, metaMessages } from './meta-messages.ts';
import { writeMessage } from './values.ts';

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

/** A list from the objects' own bytes: metadata under 1, items under 2. */
export function encodeList(type: TypeMeta, metadata: object, objects: readonly Buffer[]): Buffer {
  return encodeEnvelope(type, (w) => {
    for (let i = objects.length - 1; i >= 0; i--) {
      w.bytes(messageIn(objects[i]!));
      w.uint(0x12);
    }
    writeMessage(w, () => messageCodec(listMeta).write(w, metadata as Record<string, unknown>));
    w.uint(0x0a);
  });
}

// The unions of a CustomResourceDefinition's schema, which JSON tells apart by their shape and protobuf by the
// field that is set: a schema or a list of them, a schema or a boolean, a schema or a list of names.
import {
  jsonSchemaProps,
  schemaOrBoolean,
  schemaOrList,
  schemaOrNames,
} from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { isObject } from '../../machinery/json.ts';
import type { AnySchema, ObjectSchema } from '../../machinery/schema.ts';
import { type ValueCodec, writeMessage } from './values.ts';
import { type WireReader, wire } from './wire-reader.ts';
import type { WireWriter } from './wire-writer.ts';

interface Union {
  /** Tag of the schema. */
  schema: number;
  /** Writes what is no schema. */
  writeOther(w: WireWriter, value: unknown, schema: ValueCodec): void;
  /** Tag of what is no schema, and how it goes on from what was read before. */
  other: number;
  readOther(r: WireReader, end: number, place: { schema: ValueCodec; depth: number; previous: unknown }): unknown;
  /** What stands for neither. */
  neither: unknown;
}

function append(previous: unknown, item: unknown): unknown[] {
  const list = Array.isArray(previous) ? previous : [];
  list.push(item);
  return list;
}

function writeList(w: WireWriter, list: unknown, writeItem: (item: any) => void): void {
  for (const item of Array.isArray(list) ? [...list].reverse() : []) {
    writeItem(item);
    w.uint(0x12);
  }
}

const unions: Readonly<Record<string, Union>> = {
  [schemaOrList]: {
    schema: 0x0a,
    other: 0x12,
    writeOther: (w, value, schema) => writeList(w, value, (item) => schema.write(w, item)),
    readOther: (r, end, { schema, depth, previous }) => append(previous, schema.read(r, end, depth)),
    neither: null,
  },
  [schemaOrNames]: {
    schema: 0x0a,
    other: 0x12,
    writeOther: (w, value) => writeList(w, value, (item) => w.text(String(item))),
    readOther: (r, end, { previous }) => append(previous, r.text(end)),
    neither: null,
  },
  [schemaOrBoolean]: {
    schema: 0x12,
    other: 0x08,
    writeOther(w, value) {
      w.uint(value === false ? 0 : 1);
      w.uint(0x08);
    },
    readOther: (r, end) => Number(r.int(end)) !== 0,
    neither: false,
  },
};

/** The codec of a union; undefined for every other type. */
export function unionCodec(schema: AnySchema, objectValue: (of: ObjectSchema) => ValueCodec): ValueCodec | undefined {
  const union = schema.type === 'any' && Object.hasOwn(unions, schema.name) ? unions[schema.name] : undefined;
  if (!union) return undefined;
  const inner = objectValue(jsonSchemaProps);
  return {
    wireType: wire.bytes,
    zero: () => union.neither,
    write(w, value) {
      writeMessage(w, () => {
        // Fields are written from the last to the first.
        if (union.schema < union.other) union.writeOther(w, isObject(value) ? undefined : value, inner);
        if (isObject(value)) {
          inner.write(w, value);
          w.uint(union.schema);
        }
        if (union.schema > union.other) union.writeOther(w, value, inner);
      });
    },
    read(r, end, depth) {
      let out: unknown;
      const stop = r.lengthEnd(end);
      r.fields(stop, 'JSONSchemaProps', (_, tag) => {
        if (tag === union.schema) out = inner.read(r, stop, depth + 1);
        else if (tag === union.other && !isObject(out)) {
          out = union.readOther(r, stop, { schema: inner, depth: depth + 1, previous: out });
        }
      });
      return out ?? union.neither;
    },
  };
}

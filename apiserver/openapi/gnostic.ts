// What both versions of the OpenAPI document have in common in their protobuf form, which is gnostic's: messages from their
// fields, maps as lists of names and values, and what limits a value.
// https://github.com/google/gnostic-models
import { wire } from '../protobuf/wire-reader.ts';
import { type WireWriter, written } from '../protobuf/wire-writer.ts';
import type { ApiDocument } from './documents.ts';
import type { JsonSchema } from './model.ts';

const nothing = Buffer.alloc(0);

export type Write = (w: WireWriter) => void;
export type Field = [number: number, value: Write | Double | string | number | boolean | undefined];

/** A number that may have a fraction; others are whole. */
export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A message from its fields; absent ones are left out, as those are that are what a field is without. */
export function message(...fields: Field[]): Write {
  const lastFirst = fields.reverse();
  return (w) => {
    for (const [number, value] of lastFirst) {
      if (!value) continue;
      const before = w.written;
      let type: number = wire.bytes;
      if (value instanceof Double) {
        w.double(value.value);
        type = wire.fixed64;
      } else if (typeof value === 'string') w.text(value);
      else if (typeof value === 'function') {
        value(w);
        w.uint(w.written - before);
      } else {
        w.int(Number(value));
        type = wire.varint;
      }
      w.uint((number << 3) | type);
    }
  };
}

export const each = (number: number, values: readonly (Write | string)[] | undefined): Field[] =>
  (values ?? []).map((v) => [number, v]);

/** NamedX { name = 1, value = 2 } */
const namedOne = (name: string, value: Write): Write => message([1, name], [2, value]);
export const named = (entries: Record<string, any>, encode: (value: any) => Write): Write[] =>
  Object.entries(entries).map(([name, value]) => namedOne(name, encode(value)));

/** Any { yaml = 2 }; JSON is YAML. */
export const any = (value: unknown): Write => message([2, JSON.stringify(value)]);

export function extensionFields(number: number, value: JsonSchema): Field[] {
  const own = Object.fromEntries(Object.entries(value).filter(([k]) => k.startsWith('x-')));
  return each(number, named(own, any));
}

const limits = [
  'multipleOf', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum', 'maxLength', 'minLength', 'pattern',
  'maxItems', 'minItems', 'uniqueItems', 'maxProperties', 'minProperties',
]; // biome-ignore format: in the order of their numbers
const doubles: readonly string[] = ['multipleOf', 'maximum', 'minimum'];

/** What limits the values of a schema: fields whose numbers follow each other in both versions. */
export function limitFields(first: number, value: JsonSchema): Field[] {
  return [
    ...limits.map((name, i): Field => {
      const limit = value[name];
      return [first + i, limit && doubles.includes(name) ? new Double(limit) : limit];
    }),
    ...each(first + limits.length, value.required),
    ...each(first + limits.length + 1, value.enum?.map(any)),
  ];
}

/** Paths or definitions, which all stand under one field, at the end of a way of fields. */
export function* section(
  way: readonly number[],
  [field, parts]: [field: number, parts: ApiDocument['paths']],
  encode: (value: JsonSchema) => Write,
): Generator<Buffer> {
  const pieces: Buffer[] = [];
  for (const [name, make] of parts) {
    pieces.push(written(message([field, namedOne(name, encode(make()))])));
    yield nothing;
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  yield written((w) => {
    const before = w.written;
    for (const number of way.toReversed()) {
      w.uint(length + w.written - before);
      w.uint((number << 3) | wire.bytes);
    }
  });
  yield* pieces;
}

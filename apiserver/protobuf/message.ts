// The codec of a message type, compiled once from its schema and the table of field numbers: a list
// of writers, last field first, and readers by number. Upstream: the Marshal and Unmarshal methods of
// generated.pb.go, to whose bytes ours are equal: a field whose type cannot be absent is written
// also when it is zero, keys of maps are sorted.
import type { AnySchema, ListSchema, MapSchema, ObjectSchema } from '../../machinery/schema.ts';
import { fieldTable, type TableField } from './field-table.ts';
import { unionCodec } from './json-schema-unions.ts';
import { readEntry, scalarCodec, type ValueCodec, writeMessage } from './values.ts';
import { ProtobufError, type WireReader, wire } from './wire-reader.ts';
import type { WireWriter } from './wire-writer.ts';

type Parent = Record<string, any>;

interface FieldCodec {
  number: number;
  /** Its name in texts of errors. */
  shown: string;
  write(w: WireWriter, parent: Parent): void;
  read(r: WireReader, end: number, parent: Parent, place: { wireType: number; depth: number }): void;
}

/** Types that contain themselves nest; nothing that people write comes near this depth. */
const maxDepth = 300;

class MessageCodec {
  readonly #name: string;
  readonly #writers: readonly FieldCodec[];
  readonly #readers: readonly (FieldCodec | undefined)[];

  constructor(name: string, fields: readonly FieldCodec[]) {
    this.#name = name;
    this.#writers = [...fields].sort((a, b) => b.number - a.number);
    const readers: (FieldCodec | undefined)[] = [];
    for (const field of fields) readers[field.number] = field;
    this.#readers = readers;
  }

  /** Writes the fields of `value`. */
  write(w: WireWriter, value: Parent): void {
    for (const field of this.#writers) field.write(w, value);
  }

  /** Reads fields into `out` up to `end`. Throws ProtobufError. */
  read(r: WireReader, end: number, depth: number, out: Parent): void {
    if (depth > maxDepth) throw new ProtobufError(`proto: ${this.#name}: messages are nested too deeply`);
    while (r.at < end) {
      const tag = r.tag(end, this.#name);
      const wireType = tag % 8;
      const field = this.#readers[(tag - wireType) / 8];
      if (field) field.read(r, end, out, { wireType, depth });
      else r.skip(wireType, end);
    }
  }
}

// Schemas of one type at several places share their fields.
const compiled = new WeakMap<ObjectSchema['fields'], MessageCodec>();

/** The codec of a named object; made when first asked for. */
export function messageCodec(schema: ObjectSchema): MessageCodec {
  return compiled.getOrInsertComputed(schema.fields, () => {
    const shortName = schema.name.slice(schema.name.lastIndexOf('.') + 1);
    return new MessageCodec(shortName, compileFields(fieldTable(schema.name), schema));
  });
}

function compileFields(table: readonly TableField[], schema: ObjectSchema): FieldCodec[] {
  return table.flatMap((field) => {
    if (field.inlined) return [inlinedField(field.number, compileFields(field.inlined, schema))];
    const type = schema.fields[field.name];
    return type ? [fieldCodec(field, type)] : [];
  });
}

function expectType(wanted: number, given: number, field: string): void {
  if (given !== wanted) throw new ProtobufError(`proto: wrong wireType = ${given} for field ${field}`);
}

/** A message whose fields stand in its parent's JSON. */
function inlinedField(number: number, fields: readonly FieldCodec[]): FieldCodec {
  const inner = new MessageCodec('inlined', fields);
  const shown = `number ${number}`;
  return {
    number,
    shown,
    write(w, parent) {
      writeMessage(w, () => inner.write(w, parent));
      w.uint((number << 3) | wire.bytes);
    },
    read(r, end, parent, { wireType, depth }) {
      expectType(wire.bytes, wireType, shown);
      inner.read(r, r.lengthEnd(end), depth + 1, parent);
    },
  };
}

function fieldCodec(field: TableField, schema: AnySchema): FieldCodec {
  if (schema.type === 'list' && field.wrapped) return singleField(field, wrappedList(schema), schema);
  if (schema.type === 'list') return listField(field, schema);
  if (schema.type === 'map') return mapField(field, schema);
  return singleField(field, valueCodec(schema), schema);
}

const shownName = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

/** Reading leaves a zero out that says no more than absence, unless JSON always has the field. */
function singleField({ number, name, optional }: TableField, value: ValueCodec, schema: AnySchema): FieldCodec {
  const keepsZero = optional || schema.always === true;
  const zero = value.zero();
  const shown = shownName(name);
  const tag = (number << 3) | value.wireType;
  return {
    number,
    shown,
    write(w, parent) {
      const given = parent[name] ?? (optional ? undefined : zero);
      if (given === undefined) return;
      value.write(w, given);
      w.uint(tag);
    },
    read(r, end, parent, { wireType, depth }) {
      expectType(value.wireType, wireType, shown);
      const found = value.read(r, end, depth, parent[name]);
      if (keepsZero || found !== zero) parent[name] = found;
      else delete parent[name];
    },
  };
}

function listField({ number, name }: TableField, schema: ListSchema): FieldCodec {
  const item = valueCodec(schema.items);
  const shown = shownName(name);
  const tag = (number << 3) | item.wireType;
  return {
    number,
    shown,
    write(w, parent) {
      const items: readonly unknown[] = parent[name] ?? [];
      for (let i = items.length - 1; i >= 0; i--) {
        item.write(w, items[i] ?? item.zero() ?? '');
        w.uint(tag);
      }
    },
    read(r, end, parent, { wireType, depth }) {
      parent[name] ??= [];
      const items = parent[name] as unknown[];
      if (wireType === wire.bytes && item.wireType === wire.varint) {
        // Numbers may come packed into one field.
        const stop = r.lengthEnd(end);
        while (r.at < stop) items.push(item.read(r, stop, depth));
        return;
      }
      expectType(item.wireType, wireType, shown);
      items.push(item.read(r, end, depth));
    },
  };
}

function mapField({ number, name }: TableField, schema: MapSchema): FieldCodec {
  const value = schema.values.type === 'list' ? wrappedList(schema.values) : valueCodec(schema.values);
  const shown = shownName(name);
  const tag = (number << 3) | wire.bytes;
  const valueTag = (2 << 3) | value.wireType;
  const writeEntry = (w: WireWriter, key: string, given: unknown) => {
    const before = w.written;
    if (given !== undefined) {
      value.write(w, given);
      w.uint(valueTag);
    }
    w.text(key);
    w.uint(0x0a);
    w.uint(w.written - before);
    w.uint(tag);
  };
  return {
    number,
    shown,
    write(w, parent) {
      const map: Record<string, unknown> = parent[name] ?? {};
      const keys = Object.keys(map).sort();
      for (let i = keys.length - 1; i >= 0; i--) writeEntry(w, keys[i]!, map[keys[i]!] ?? value.zero());
    },
    read(r, end, parent, { wireType, depth }) {
      expectType(wire.bytes, wireType, shown);
      parent[name] ??= {};
      readEntry(r, end, value, depth, parent[name]);
    },
  };
}

/** A list in a message of its own, under 1: so it is as a map's value. */
function wrappedList(schema: ListSchema): ValueCodec {
  const codec = new MessageCodec('items', [listField({ number: 1, name: 'items', optional: false }, schema)]);
  return {
    wireType: wire.bytes,
    zero: () => [],
    write: (w, items: unknown[]) => writeMessage(w, () => codec.write(w, { items })),
    read(r, end, depth) {
      const out: Parent = {};
      codec.read(r, r.lengthEnd(end), depth + 1, out);
      return out.items ?? [];
    },
  };
}

function valueCodec(schema: AnySchema): ValueCodec {
  if (schema.type === 'object') return objectValue(schema);
  const codec = unionCodec(schema, objectValue) ?? scalarCodec(schema);
  if (!codec) throw new Error(`a ${schema.type} cannot stand in a list`);
  return codec;
}

/** A message as a value; its type is compiled when it is first met, since types may contain themselves. */
function objectValue(schema: ObjectSchema): ValueCodec {
  let codec: MessageCodec | undefined;
  return {
    wireType: wire.bytes,
    zero: () => ({}),
    write(w, value: Parent) {
      const before = w.written;
      codec ??= messageCodec(schema);
      codec.write(w, value);
      w.uint(w.written - before);
    },
    read(r, end, depth, previous) {
      codec ??= messageCodec(schema);
      const out = (previous as Parent | undefined) ?? {};
      codec.read(r, r.lengthEnd(end), depth + 1, out);
      return out;
    },
  };
}

// Objects of a schema, drawn from a seed: canonical ones, as they stand in storage, so that what is
// written and read again must be equal to them.
import {
  jsonSchemaProps,
  schemaOrBoolean,
  schemaOrList,
  schemaOrNames,
} from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { setKey } from '../../machinery/json.ts';
import { typeMeta } from '../../machinery/metadata.ts';
import type { AnySchema, ObjectSchema, StringSchema } from '../../machinery/schema.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Draw } from '../environment/fuzz.ts';

const words = [
  'a',
  'b-c',
  '',
  'x y',
  'é',
  '日本',
  '😀',
  '"\\',
  '<&>',
  '\u0000',
  '__proto__',
  'constructor',
  '0',
  'a'.repeat(200),
];
const int64s = [
  0,
  1,
  -1,
  127,
  128,
  2 ** 31,
  -(2 ** 31),
  2 ** 40 + 1,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
];
const bigInts = [2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 60n + 7n];
const int32s = [0, 1, -1, 127, 128, 300, 65535, 2 ** 31 - 1, -(2 ** 31)];
const doubles = [0, 1.5, -2.25, 1e300, 5e-324, 0.1];
const quantities = ['0', '1', '100m', '1Gi', '-3', '1500Mi', '12345678901234567890', '1n'];
const lastSecond = 253_402_300_799;
const maxDepth = 12;

const anyJson = (draw: Draw, depth: number): unknown =>
  draw.of<() => unknown>([
    () => draw.of(words),
    () => draw.of([...int64s, ...bigInts, ...doubles]),
    () => draw.of([true, false]),
    () => (depth > 3 ? 'deep' : draw.many(3, () => anyJson(draw, depth + 1))),
    () => (depth > 3 ? {} : drawMap(draw, () => anyJson(draw, depth + 1))),
  ])();

function drawMap(draw: Draw, value: () => unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key of draw.many(4, () => draw.of(words))) setKey(out, key, value());
  return out;
}

function drawText(schema: StringSchema, draw: Draw): unknown {
  const ms = (draw.below(lastSecond) - (draw.chance(0.3) ? 60_000_000_000 : 0)) * 1000;
  switch (schema.format) {
    case 'byte':
      return draw.bytes(draw.below(9)).toString('base64');
    case 'date-time':
      return timestamp(ms);
    case 'micro-time':
      return `${timestamp(ms).slice(0, -1)}.${String(draw.below(1_000_000)).padStart(6, '0')}Z`;
    case 'quantity':
      return draw.of(quantities);
    case 'int-or-string':
      return draw.chance(0.5) ? draw.of(int32s) : draw.of(words);
    default:
      return draw.of([...words, ...(schema.enum ?? [])]);
  }
}

function drawUnion(name: string, draw: Draw, depth: number): unknown {
  const schema = () => canonical(jsonSchemaProps, drawFields(jsonSchemaProps, draw, depth + 1));
  if (name === schemaOrBoolean) return draw.chance(0.5) ? draw.chance(0.5) : schema();
  if (name === schemaOrNames) return draw.chance(0.5) ? ['a', 'b'] : schema();
  return draw.chance(0.5) ? [schema(), ...draw.many(2, schema)] : schema();
}

function draw1(schema: AnySchema, draw: Draw, depth: number): unknown {
  switch (schema.type) {
    case 'object':
      return drawFields(schema, draw, depth);
    case 'list':
      // An empty list or map that is always there reads as null: it is not drawn.
      return [draw1(schema.items, draw, depth + 1), ...draw.many(3, () => draw1(schema.items, draw, depth + 1))];
    case 'map':
      return {
        ...drawMap(draw, () => draw1(schema.values, draw, depth + 1)),
        z: draw1(schema.values, draw, depth + 1),
      };
    case 'boolean':
      return draw.chance(0.5);
    case 'integer':
      return schema.format === 'int32' ? draw.of(int32s) : draw.of<number | bigint>([...int64s, ...bigInts]);
    case 'number':
      return draw.of(doubles);
    case 'any':
      return [schemaOrBoolean, schemaOrList, schemaOrNames].includes(schema.name)
        ? drawUnion(schema.name, draw, depth)
        : anyJson(draw, 0);
    case 'string':
      return drawText(schema, draw);
  }
}

/** How often a field is there: often near the top, and not where a type would contain itself for ever. */
function likelihood(schema: ObjectSchema, field: AnySchema, depth: number): number {
  const isLeaf = field.type !== 'object' && field.type !== 'list' && field.type !== 'map' && field.type !== 'any';
  if (isLeaf) return depth < 3 ? 0.8 : 0.35;
  if (depth > maxDepth) return 0;
  return schema.fields === jsonSchemaProps.fields ? 0.08 : depth < 3 ? 0.8 : 0.35;
}

function drawFields(schema: ObjectSchema, draw: Draw, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.fields)) {
    // Kind and version stand in the envelope, and no other object says its own.
    if (field === typeMeta.kind || field === typeMeta.apiVersion) continue;
    if (draw.chance(likelihood(schema, field, depth))) out[name] = draw1(field, draw, depth + 1);
  }
  return out;
}

/** An object of the schema without kind and version, canonical but without defaults. */
export function drawObject(schema: ObjectSchema, draw: Draw): Record<string, unknown> {
  return canonical(schema, drawFields(schema, draw, 0));
}

function canonical(schema: ObjectSchema, value: object): Record<string, unknown> {
  return decodeValue(schema, value, { defaults: false }).value;
}

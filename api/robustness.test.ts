// Hooks meet whatever decoding lets through. Here every kind gets objects with all fields present
// and empty, and random ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeValue } from '../machinery/decode.ts';
import { cloneJson, deepFreeze, writeJson } from '../machinery/json.ts';
import type { Kind, ServedVersion } from '../machinery/kind.ts';
import type { AnySchema } from '../machinery/schema.ts';
import { kinds, subresourceKinds } from './index.ts';

/** A value of the schema; `choose(n)` picks below n. */
function generate(schema: AnySchema, choose: (n: number) => number, depth = 0): unknown {
  switch (schema.type) {
    case 'object': {
      const out: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(schema.fields)) {
        // Below some depth a schema may hold itself: fewer fields, and at last none.
        if (choose(4) > 0 && choose(10) >= depth - 6) out[name] = generate(field, choose, depth + 1);
      }
      return out;
    }
    case 'list':
      return Array.from({ length: choose(3) }, () => generate(schema.items, choose, depth + 1));
    case 'map':
      return Object.fromEntries(
        Array.from({ length: choose(3) }, (_, i) => [`k${i}`, generate(schema.values, choose, depth + 1)]),
      );
    case 'any': {
      const shape = schema.alternatives?.[choose(2)];
      return shape ? generate(shape, choose, depth + 1) : {};
    }
    case 'boolean':
      return choose(2) === 1;
    case 'integer':
      // What a double cannot hold is a bigint.
      if (schema.format === 'int64' && choose(4) === 0) return [2n ** 60n, -(2n ** 63n)][choose(2)];
      return [0, -1, 1, 70_000][choose(4)];
    case 'number':
      return [0, -1, 1.5, 70_000][choose(4)];
    default:
      return generateText(schema, choose);
  }
}

function generateText(schema: AnySchema, choose: (n: number) => number): unknown {
  const format = 'format' in schema ? schema.format : undefined;
  if (format === 'date-time' || format === 'micro-time') return '2026-01-01T00:00:00Z';
  if (format === 'quantity') return ['0', '-1', '1500m', '1Gi'][choose(4)];
  if (format === 'int-or-string') return [0, '25%', 'x', ''][choose(4)];
  if (format === 'byte') return ['', 'e30='][choose(2)];
  if (schema.enum && choose(2) === 1) return schema.enum[choose(schema.enum.length)];
  return ['', 'a', 'A/b/c', '..', '10.0.0.1', 'Always'][choose(6)];
}

/** Runs every hook; returns nothing, throws what they throw. */
function exercise(kind: Kind, served: ServedVersion, body: unknown): void {
  const draft = decodeValue(served.schema, body).value;
  served.setDefaults?.(draft);
  const stored = served.toStorage?.(draft) ?? draft;
  kind.prepareForCreate?.(stored, { nowMs: 0 });
  const old = deepFreeze(cloneJson(stored));
  assert.ok(Array.isArray(kind.validate?.(old) ?? []));
  const next = cloneJson(old);
  kind.prepareForUpdate?.(next, old, { nowMs: 0 });
  kind.prepareForStatusUpdate?.(next, old, { nowMs: 0 });
  deepFreeze(next);
  kind.validateUpdate?.(next, old);
  kind.validateStatusUpdate?.(next, old);
  kind.gracePeriodSeconds?.(old, undefined);
  for (const column of kind.columns ?? []) column.cell(old, { nowMs: 0 });
  served.fromStorage?.(old);
}

test('no hook breaks or writes to its input, whatever the object holds', () => {
  // A fixed sequence: a failure comes back on the next run.
  let state = 1;
  const choose = (n: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % n;
  };
  for (const kind of [...kinds, ...subresourceKinds]) {
    for (const served of kind.served) {
      exercise(kind, served, {});
      for (let round = 0; round < 40; round++) {
        const body = generate(served.schema, choose);
        try {
          exercise(kind, served, body);
        } catch (cause) {
          throw new Error(`${kind.kind}: ${writeJson(body).slice(0, 2000)}`, { cause });
        }
      }
    }
  }
});

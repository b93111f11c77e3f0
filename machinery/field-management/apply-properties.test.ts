// Rules that hold whatever is applied and updated, on generated objects. K8TS_FUZZ_SEED repeats a run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import type { ManagedFieldsEntry } from '../metadata.ts';
import type { Random } from '../random.ts';
import { type AnySchema, s } from '../schema.ts';
import { finish } from '../steps.ts';
import { applyFields, ConflictError, type Versions } from './apply.ts';
import { compareFields } from './compare.ts';
import { fieldSchema, itemSchema } from './element.ts';
import { fieldsOf, withNamedFields } from './fields-of.ts';
import { recordUpdate } from './record.ts';
import { type FieldSet, intersect, isEmptySet, isMember, nodeOf, pathsOf, subtract } from './set.ts';

const words = ['a', 'b', 'c', 'd'];
const strings = { map: s.map(s.string(''), ''), set: s.list(s.string(''), '', { listType: 'set' }) };
const item = s.object('', '', {
  name: s.string(''),
  value: s.int32(''),
  inner: s.object('', '', { x: s.string(''), y: s.string('') }),
  ...strings,
});
const schema = s.object('', '', {
  metadata: s.object('', '', {}),
  keep: s.string(''),
  spec: s.object('', '', {
    number: s.int32(''),
    flag: s.boolean(''),
    list: s.list(s.string(''), ''),
    items: s.list(item, '', { listType: 'map', listMapKeys: ['name'] }),
    pair: s.object('', '', { m: s.string(''), n: s.string('') }, { mapType: 'atomic' }),
    maps: s.map(s.object('', '', { u: s.string(''), v: s.string('') }), ''),
    any: s.any('', ''),
    ...strings,
  }),
});
const versions: Versions = {
  schemaOf: (apiVersion) => (apiVersion === 'v1' ? schema : undefined),
  convert: (object) => object,
  decided: ({ metadata: _, ...object }) => object,
};

class Generator {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(n: number): number {
    return Math.floor(this.#random.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  some<T>(make: (word: string) => T): T[] {
    const chosen = words.filter(() => this.below(2) === 0);
    for (let i = chosen.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [chosen[i], chosen[j]] = [chosen[j]!, chosen[i]!];
    }
    return chosen.map(make);
  }

  value(of: AnySchema, depth = 0): any {
    switch (of.type) {
      case 'boolean':
        return this.below(2) === 0;
      case 'integer':
        return this.below(3);
      case 'map':
        return Object.fromEntries(this.some((word) => [word, this.value(of.values, depth + 1)]));
      case 'list':
        return of.listType === 'map'
          ? this.some((name) => ({ ...this.value(of.items, depth + 1), name }))
          : this.some((word) => word);
      case 'object': {
        const chosen = Object.entries(of.fields).filter(([name]) => name !== 'metadata' && this.below(3) > 0);
        return Object.fromEntries(chosen.map(([name, field]) => [name, this.value(field, depth + 1)]));
      }
      case 'any':
        return depth > 3 ? 1 : this.pick([1, 'x', [{ y: 1 }], { x: this.value(of, depth + 1) }]);
      default:
        return this.pick(['x', 'y']);
    }
  }

  /** The value with some of it gone or changed. */
  near(value: any): any {
    if (Array.isArray(value)) return value.filter(() => this.below(4) > 0).map((part) => this.near(part));
    if (typeof value !== 'object' || value === null) return value;
    const kept = Object.entries(value).filter(([name]) => name === 'name' || this.below(5) > 0);
    return Object.fromEntries(kept.map(([name, part]) => [name, name === 'name' ? part : this.near(part)]));
  }
}

/** What is empty becomes null in one place and goes in another; decoding, which is not part of this, makes it one. */
function withoutEmptyParts(value: any): any {
  if (Array.isArray(value)) return value.map(withoutEmptyParts);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.entries(value).map(([name, part]) => [name, withoutEmptyParts(part)] as const);
  return Object.fromEntries(parts.filter(([, part]) => typeof part !== 'object' || Object.keys(part ?? {}).length > 0));
}

interface World {
  live: any;
  managed: ManagedFieldsEntry[];
  /** What each applier wanted the last time. */
  wanted: Map<string, object>;
}

const writer = (manager: string) => ({ manager, apiVersion: 'v1', subresource: '', time: '2026-01-01T00:00:00Z' });
const withManaged = ({ live, managed }: World) => ({ ...live, metadata: { managedFields: managed } });
const outside = (set: FieldSet, other: FieldSet): string[] => pathsOf(subtract(set, other));

async function apply(world: World, config: object, manager: string, force: boolean): Promise<World | undefined> {
  const asked = { live: withManaged(world), config: config as any, writer: writer(manager), force, versions };
  try {
    const { object, managedFields } = await applyFields(asked);
    const { metadata: _, ...live } = object ?? world.live;
    return { live, managed: managedFields, wanted: new Map([...world.wanted, [manager, config]]) };
  } catch (err) {
    if (err instanceof ConflictError) return undefined;
    throw err;
  }
}

function update(world: World, next: any, manager: string): World {
  const view = { schema, old: world.live, next };
  const record = { writer: writer(manager), views: () => view, stored: world.managed, sent: undefined, isCreate: true };
  return { ...world, live: next, managed: finish(recordUpdate(record)) };
}

/** All paths of an object: what can be owned. */
const everythingIn = (object: object): FieldSet => compareFields({}, object, schema).changed;
const setOf = (world: World, manager: string, operation: string): FieldSet =>
  world.managed.find((e) => e.manager === manager && e.operation === operation)?.fieldsV1 ?? {};

/** The object with an empty map or list where null is left of one. */
function filled(value: any, of: AnySchema | undefined = schema): any {
  if (value === null) return of?.type === 'list' ? [] : {};
  if (Array.isArray(value)) return value.map((part) => filled(part, itemSchema(of)));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, filled(part, fieldSchema(of, name))]));
}

function checkWorld(world: World, told: string): void {
  for (const { manager, operation, fieldsV1 } of world.managed) {
    assert.deepEqual(outside(fieldsV1, everythingIn(world.live)), [], `${told}: ${manager} owns what is not there`);
    const wanted = operation === 'Apply' && world.wanted.get(manager!);
    if (!wanted) continue;
    assert.deepEqual(outside(fieldsV1, fieldsOf(wanted, schema)), [], `${told}: ${manager} owns what it did not apply`);
    const { changed } = compareFields(filled(wanted), filled(world.live), schema);
    assert.deepEqual(pathsOf(intersect(fieldsV1, changed)), [], `${told}: ${manager} owns what is otherwise`);
  }
}

async function checkApply(before: World, after: World, step: { config: object; manager: string; told: string }) {
  const { config, manager, told } = step;
  const own = fieldsOf(config, schema);
  const { changed, removed } = compareFields(filled(config), filled(after.live), schema);
  assert.deepEqual(pathsOf(intersect(own, changed)), [], `${told}: a value is not as applied`);
  assert.deepEqual(pathsOf(intersect(own, removed)), [], `${told}: a value is missing`);
  assert.deepEqual(
    outside(own, setOf(after, manager, 'Apply')),
    [],
    `${told}: the applier does not own all it applied`,
  );
  const lost = compareFields(before.live, after.live, schema).removed;
  const had = withNamedFields(setOf(before, manager, 'Apply'), schema);
  // A free value that becomes a scalar loses what was in it.
  const ended = everythingUnder(before, { 'f:spec': { 'f:any': own['f:spec']?.['f:any'] ?? {} } });
  const went = outside(subtractTrees(lost, ended), everythingUnder(before, had));
  assert.deepEqual(went, [], `${told}: something went that the applier had not`);
  const again = await apply(after, config, manager, false);
  assert.deepEqual(filled(again?.live), filled(after.live), `${told}: applied again it changes the object`);
  assert.deepEqual(again?.managed, after.managed, `${told}: applied again it changes the managers`);
}

/** Paths of `a` that are neither in `b` nor below a path of `b`. */
function subtractTrees(a: FieldSet, b: FieldSet): FieldSet {
  const left = Object.entries(a).flatMap(([element, mine]): [string, FieldSet][] => {
    const gone = element === '.' ? undefined : b[element];
    if (gone === undefined) return [[element, mine]];
    if (isMember(gone)) return [];
    const node = isEmptySet(mine) ? mine : nodeOf(mine['.'] !== undefined, subtractTrees(mine, gone));
    return node === undefined ? [] : [[element, node]];
  });
  return Object.fromEntries(left);
}

/** The paths of a set and all that was below them. */
function everythingUnder(world: World, set: FieldSet): FieldSet {
  const all = everythingIn(world.live);
  const under = (mine: FieldSet, whole: FieldSet): FieldSet =>
    Object.fromEntries(
      Object.keys(mine)
        .filter((element) => whole[element] !== undefined)
        .map((element) => {
          const node = mine[element]!;
          return [element, isEmptySet(node) || node['.'] ? whole[element]! : under(node, whole[element]!)];
        }),
    );
  return under(set, all);
}

async function run(seed: number, steps: number): Promise<void> {
  const make = new Generator(seed);
  let world: World = { live: {}, managed: [], wanted: new Map() };
  world = update(world, { keep: 'x', ...withoutEmptyParts(make.value(schema)) }, 'first');
  for (let i = 0; i < steps; i++) {
    const manager = make.pick(['m', 'n', 'o']);
    const told = `seed ${seed}, step ${i}`;
    const fresh = make.below(2) === 0;
    if (make.below(3) === 0) {
      const next = withoutEmptyParts(fresh ? make.value(schema) : make.near(world.live));
      world = update(world, { ...next, keep: 'x' }, manager);
    } else {
      const { keep: _, ...config } = withoutEmptyParts(fresh ? make.value(schema) : make.near(world.live));
      const forced = make.below(2) === 0;
      const after = await apply(world, config, manager, forced);
      assert.ok(after || !forced, `${told}: a forced apply met a conflict`);
      if (after) {
        await checkApply(world, after, { config, manager, told });
        world = after;
      }
    }
    checkWorld(world, told);
  }
}

test('ownership and idempotence hold for whatever is applied', async () => {
  const asked = process.env.K8TS_FUZZ_SEED;
  for (let seed = 1; seed <= (asked ? 1 : 150); seed++) await run(asked ? Number(asked) : seed, 12);
});

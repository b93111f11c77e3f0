// Lists made from lists: `slice`, `flatten`, `distinct`, `sort`. Upstream: cel-go's ext/lists.go.
import { type Library, member, overload } from '../decls.ts';
import { compare, equals } from '../equality.ts';
import { CelError } from '../errors.ts';
import { expandList } from '../macros.ts';
import { runtimeTypeName } from '../types.ts';
import { ArrayList, CelList, mapKey, typeOf, type Value } from '../values.ts';
import { work } from '../work.ts';

type Int = number | bigint;

function itemsOf(list: CelList): Value[] {
  work(list.size);
  return Array.from({ length: list.size }, (_, i) => list.at(i));
}

function slice(list: CelList, from: Int, to: Int): Value {
  const bounds = `cannot slice(${from}, ${to})`;
  if (from < 0 || to < 0) throw new CelError(`${bounds}, negative indexes not supported`);
  if (from > to) throw new CelError(`${bounds}, start index must be less than or equal to end index`);
  if (to > list.size) throw new CelError(`${bounds}, list is length ${list.size}`);
  return new ArrayList(itemsOf(list).slice(Number(from), Number(to)));
}

function flatten(list: CelList, levels: Int = 1): Value {
  if (levels < 0) throw new CelError('level must be non-negative');
  const items: Value[] = [];
  const add = (from: CelList, left: number) => {
    work(from.size);
    for (let i = 0; i < from.size; i++) {
      const item = from.at(i);
      if (item instanceof CelList && left > 0) add(item, left - 1);
      else items.push(item);
    }
  };
  add(list, Number(levels));
  return new ArrayList(items);
}

function range(count: Int): Value {
  return new ArrayList(Array.from({ length: Math.max(0, Number(count)) }, (_, i) => i));
}

function distinct(list: CelList): Value {
  const scalars = new Set<unknown>();
  const others: Value[] = [];
  const items = itemsOf(list).filter((item) => {
    const key = mapKey(item);
    if (key === undefined) {
      work(others.length);
      if (others.some((other) => equals(other, item))) return false;
      others.push(item);
      return true;
    }
    if (scalars.has(key)) return false;
    scalars.add(key);
    return true;
  });
  return new ArrayList(items);
}

/** The items in the order of their keys. */
function sortBy(list: CelList, keys: CelList): Value {
  if (list.size !== keys.size) throw new CelError(`@sortByAssociatedKeys() expected a list of the same size`);
  const pairs = itemsOf(list).map((item, i) => [keys.at(i), item] as const);
  const [first] = pairs;
  if (first !== undefined) {
    compare(first[0], first[0]);
    const name = runtimeTypeName(typeOf(first[0]));
    if (pairs.some(([key]) => runtimeTypeName(typeOf(key)) !== name)) {
      throw new CelError('list elements must have the same type');
    }
  }
  work(pairs.length * Math.ceil(Math.log2(pairs.length + 1)));
  return new ArrayList(pairs.sort(([a], [b]) => compare(a, b)).map(([, item]) => item));
}

const input = '@__sortBy_input__';
const byKeys = '@sortByAssociatedKeys';
const sortable = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];

export const listLibrary: Library = {
  macros: [
    {
      name: 'sortBy',
      args: 2,
      isMember: true,
      expand(c, target, [variable, key]) {
        const keys = expandList(c, c.ident(input), [c.variable(variable!)], undefined, key!);
        return c.bind(input, target!, c.member(c.ident(input), byKeys, keys));
      },
    },
  ],
  functions: [
    member('slice', 'list_slice', 'list(A), int, int -> list(A)', slice),
    member('flatten', 'list_flatten', 'list(list(A)) -> list(A)', flatten),
    member('flatten', 'list_flatten_int', 'list(dyn), int -> list(dyn)', flatten),
    overload('lists.range', 'lists_range', 'int -> list(int)', range),
    member('distinct', 'list_distinct', 'list(A) -> list(A)', distinct),
    member('reverse', 'list_reverse', 'list(A) -> list(A)', (list: CelList) => new ArrayList(itemsOf(list).reverse())),
    ...sortable.flatMap((type) => [
      member('sort', `list_${type}_sort`, `list(${type}) -> list(${type})`, (list: CelList) => sortBy(list, list)),
      member(byKeys, `list_${type}_sortByAssociatedKeys`, `list(A), list(${type}) -> list(A)`, sortBy),
    ]),
  ],
};

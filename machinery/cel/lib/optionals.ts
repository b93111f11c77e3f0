// Optional values: `optional.of(x)`, `a.?b`, `orValue`. Upstream: cel-go's OptionalTypes.

import type { Expr } from '../ast.ts';
import { type Library, type Macro, member, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import type { MacroContext } from '../macros.ts';
import { firstInstant } from '../time.ts';
import { t } from '../types.ts';
import {
  ArrayList,
  CelList,
  CelMap,
  CelObject,
  Double,
  Duration,
  noneOptional,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from '../values.ts';

function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0 || value === '') return true;
  if (value instanceof CelList || value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Double) return value.value === 0;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Timestamp) return value.nanos === firstInstant;
  if (value instanceof CelObject) return [...value.fields()].length === 0;
  return value instanceof Optional && value.value === undefined;
}

function held(optional: Optional): Value {
  if (optional.value === undefined) throw new CelError('optional.none() dereference');
  return optional.value;
}

function unwrap(list: CelList): Value {
  const items: Value[] = [];
  for (let i = 0; i < list.size; i++) {
    const item = list.at(i);
    if (item instanceof Optional && item.value !== undefined) items.push(item.value);
  }
  return new ArrayList(items);
}

const target = '@target';

/** `x.optMap(v, e)`: an optional of `e` where `x` has a value; `optFlatMap`: `e` itself, which is one. */
function mapped(name: string, wrap: (context: MacroContext, value: Expr) => Expr): Macro {
  return {
    name,
    args: 2,
    isMember: true,
    expand(c, optional, [variable, result]) {
      const has = c.member(c.ident(target), 'hasValue');
      const bound = c.bind(c.variable(variable!), c.member(c.ident(target), 'value'), result!);
      const none = c.member(c.ident('optional'), 'none');
      return c.bind(target, optional!, c.call('_?_:_', has, wrap(c, bound), none));
    },
  };
}

const lastOf = (list: CelList) => (list.size === 0 ? noneOptional : new Optional(list.at(list.size - 1)));
const firstOf = (list: CelList) => (list.size === 0 ? noneOptional : new Optional(list.at(0)));

export const optionalLibrary: Library = {
  types: [['optional_type', t.optional(t.dyn)]],
  macros: [
    mapped('optMap', (c, value) => c.member(c.ident('optional'), 'of', value)),
    mapped('optFlatMap', (_c, value) => value),
  ],
  functions: [
    overload('optional.of', 'optional_of', 'A -> optional(A)', (value: Value) => new Optional(value)),
    overload('optional.ofNonZeroValue', 'optional_ofNonZeroValue', 'A -> optional(A)', (value: Value) =>
      isZero(value) ? noneOptional : new Optional(value),
    ),
    overload('optional.none', 'optional_none', '-> optional(A)', () => noneOptional),
    overload('optional.unwrap', 'optional_unwrap', 'list(optional(A)) -> list(A)', unwrap),
    member('unwrapOpt', 'optional_unwrapOpt', 'list(optional(A)) -> list(A)', unwrap),
    member('hasValue', 'optional_hasValue', 'optional(A) -> bool', (o: Optional) => o.value !== undefined),
    member('value', 'optional_value', 'optional(A) -> A', held),
    member('or', 'optional_or_optional', 'optional(A), optional(A) -> optional(A)', (a: Optional) => a),
    member('orValue', 'optional_orValue_value', 'optional(A), A -> A', (a: Optional) => held(a)),
    member('first', 'list_first', 'list(A) -> optional(A)', firstOf),
    member('last', 'list_last', 'list(A) -> optional(A)', lastOf),
  ],
};

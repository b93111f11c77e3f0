// Whether values are of a type: how calls find the overload that is meant, where the checker could not tell.
import { type CelType, runtimeTypeName } from './types.ts';
import {
  CelList,
  CelMap,
  CelObject,
  Double,
  Duration,
  Optional,
  Timestamp,
  TypeValue,
  typeOf,
  Uint,
  type Value,
} from './values.ts';

const tests: Partial<Record<CelType['kind'], (value: Value) => boolean>> = {
  string: (v) => typeof v === 'string',
  bool: (v) => typeof v === 'boolean',
  int: (v) => typeof v === 'number' || typeof v === 'bigint',
  uint: (v) => v instanceof Uint,
  double: (v) => v instanceof Double,
  bytes: (v) => v instanceof Uint8Array,
  null: (v) => v === null,
  timestamp: (v) => v instanceof Timestamp,
  duration: (v) => v instanceof Duration,
  list: (v) => v instanceof CelList,
  map: (v) => v instanceof CelMap,
  type: (v) => v instanceof TypeValue,
};

/** Whether a value is of a type, as far as it can be seen without looking into it. */
export function typeTest(type: CelType): (value: Value) => boolean {
  switch (type.kind) {
    case 'object':
      return (v) => v instanceof CelObject && runtimeTypeName(v.celType) === type.name;
    case 'opaque':
      return (v) =>
        runtimeTypeName(typeOf(v)) === type.name || (type.name === 'optional_type' && v instanceof Optional);
    case 'wrapper': {
      const inner = typeTest(type.of);
      return (v) => v === null || inner(v);
    }
    default:
      return tests[type.kind] ?? (() => true);
  }
}

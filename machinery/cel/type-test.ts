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

/** Whether a value is of a type, as far as it can be seen without looking into it. */
export function typeTest(type: CelType): (value: Value) => boolean {
  switch (type.kind) {
    case 'string':
      return (v) => typeof v === 'string';
    case 'bool':
      return (v) => typeof v === 'boolean';
    case 'int':
      return (v) => typeof v === 'number' || typeof v === 'bigint';
    case 'uint':
      return (v) => v instanceof Uint;
    case 'double':
      return (v) => v instanceof Double;
    case 'bytes':
      return (v) => v instanceof Uint8Array;
    case 'null':
      return (v) => v === null;
    case 'timestamp':
      return (v) => v instanceof Timestamp;
    case 'duration':
      return (v) => v instanceof Duration;
    case 'list':
      return (v) => v instanceof CelList;
    case 'map':
      return (v) => v instanceof CelMap;
    case 'type':
      return (v) => v instanceof TypeValue;
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
      return () => true;
  }
}

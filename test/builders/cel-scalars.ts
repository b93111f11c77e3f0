// Scalars of protobuf as CEL values, and free JSON: see cel-messages.ts.
import { ScalarType } from '@bufbuild/protobuf';
import { CelError } from '../../machinery/cel/errors.ts';
import { type CelType, t } from '../../machinery/cel/types.ts';
import { ArrayList, canonicalInt, Double, EntryMap, Uint, type Value } from '../../machinery/cel/values.ts';

export const scalarTypes: Partial<Record<ScalarType, CelType>> = {
  [ScalarType.BOOL]: t.bool,
  [ScalarType.BYTES]: t.bytes,
  [ScalarType.DOUBLE]: t.double,
  [ScalarType.FLOAT]: t.double,
  [ScalarType.STRING]: t.string,
  [ScalarType.UINT32]: t.uint,
  [ScalarType.UINT64]: t.uint,
  [ScalarType.FIXED32]: t.uint,
  [ScalarType.FIXED64]: t.uint,
};

export function scalarDefault(scalar: ScalarType): Value {
  const type = scalarTypes[scalar]?.kind ?? 'int';
  const zeros: Record<string, Value> = { bool: false, bytes: new Uint8Array(), string: '', int: 0 };
  if (type === 'double') return new Double(0);
  return type === 'uint' ? new Uint(0n) : zeros[type]!;
}

export function nativeValue(value: any, kind: string): Value {
  if (kind === 'double') return new Double(value);
  if (kind === 'uint') return new Uint(BigInt(value));
  return kind === 'int' ? canonicalInt(BigInt(value)) : value;
}

export function toScalar(value: Value, scalar: ScalarType): Value {
  const kind = scalarTypes[scalar]?.kind ?? 'int';
  const mismatch = new CelError(`unsupported value for a field of type ${kind}`);
  const isSmall = [ScalarType.INT32, ScalarType.SINT32, ScalarType.SFIXED32].includes(scalar);
  switch (kind) {
    case 'double':
      if (!(value instanceof Double)) throw mismatch;
      return scalar === ScalarType.FLOAT ? new Double(Math.fround(value.value)) : value;
    case 'uint': {
      if (!(value instanceof Uint)) throw mismatch;
      const isOver = [ScalarType.UINT32, ScalarType.FIXED32].includes(scalar) && value.value >= 2n ** 32n;
      if (isOver) throw new CelError('range');
      return value;
    }
    case 'int':
      if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch;
      if (isSmall && (value >= 2 ** 31 || value < -(2 ** 31))) throw new CelError('range');
      return value;
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw mismatch;
      return value;
    default:
      if (typeof value !== (kind === 'bool' ? 'boolean' : kind)) throw mismatch;
      return value;
  }
}

export function readScalar(scalar: ScalarType, json: any): Value {
  switch (scalarTypes[scalar]?.kind) {
    case 'bytes':
      return new Uint8Array(Buffer.from(json, 'base64'));
    case 'double':
      return new Double(Number(json));
    case 'uint':
      return new Uint(BigInt(json));
    case undefined:
      return canonicalInt(BigInt(json));
    default:
      return json;
  }
}

export function readJsonValue(json: any): Value {
  if (json === null || typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number') return new Double(json);
  if (Array.isArray(json)) return new ArrayList(json.map(readJsonValue));
  return new EntryMap(new Map(Object.entries(json).map(([key, value]) => [key, [key, readJsonValue(value)]])));
}

// Values as text: of `string(x)`, and the parts of `format`.
import { formatDuration, formatTimestamp } from './time.ts';
import { Double, Duration, Timestamp, TypeValue, Uint, type Value } from './values.ts';

/** A double as Go writes it: the shortest decimals, an exponent of two digits where it is below -4 or above 20. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1]);
  if (exponent < -4 || exponent >= 21) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return String(value);
}

/** The text of a scalar. */
export function toText(value: Value): string {
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Double) return formatDouble(value.value);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatDuration(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return String(value);
}

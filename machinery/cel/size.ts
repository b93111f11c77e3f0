// Sizes of values: what `size()` says, and what costs are reckoned by.
import { CelList, CelMap, type Value } from './values.ts';
import { workText } from './work.ts';

/** Code points of a text. */
export function codePointCount(text: string): number {
  workText(text.length);
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}

/** The smaller of two sizes; of a long text only as much is looked at as that needs. */
export function smallerSize(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length >= 2 * b.length) return codePointCount(b);
    if (b.length >= 2 * a.length) return codePointCount(a);
  }
  return Math.min(sizeOf(a), sizeOf(b));
}

/** Code points, bytes, elements or entries; 1 for what has no size. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return codePointCount(value);
  if (value === null || typeof value !== 'object') return 1;
  if (value instanceof CelList || value instanceof CelMap) return value.size;
  if (value instanceof Uint8Array) return value.length;
  return 'costSize' in value ? (value.costSize as number) : 1;
}

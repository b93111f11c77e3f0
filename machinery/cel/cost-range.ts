// Ranges of sizes and costs. Numbers over 2^64 stay at that, which stands for "no bound".
import { type CelType, isOptionalType } from './types.ts';

export interface CostRange {
  readonly min: number;
  readonly max: number;
}
/** What `size()` would say. */
export type Size = CostRange;

const most = 2 ** 64;
const cap = (value: number) => Math.min(value, most);

export const unknownSize: Size = { min: 0, max: most };
export const fixed = (value: number): CostRange => ({ min: value, max: value });
export const add = (a: CostRange, b: CostRange): CostRange => ({ min: cap(a.min + b.min), max: cap(a.max + b.max) });
export const multiply = (a: CostRange, b: CostRange): CostRange => ({
  min: cap(a.min * b.min),
  max: cap(a.max * b.max),
});
export const union = (a: CostRange, b: CostRange): CostRange => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});
/** Times a factor, rounded up. */
export const scale = (a: CostRange, factor: number): CostRange => ({
  min: cap(Math.ceil(a.min * factor)),
  max: cap(Math.ceil(a.max * factor)),
});

/** Whether values of the type are of one size. */
export function isScalar(type: CelType): boolean {
  if (isOptionalType(type)) return isScalar(type.parameters[0]!);
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'type', 'uint'].includes(type.kind);
}

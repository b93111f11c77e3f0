// Writing statuses: zero values are left out as in the stored object, conditions keep the time of their last change.
import { unlessGone } from '../machinery/errors.ts';
import { jsonEqual } from '../machinery/json.ts';
import type { KubeObject } from '../machinery/metadata.ts';

interface AnyCondition {
  type: string;
  status: string;
  reason?: string;
  lastTransitionTime?: string;
}

/** A copy without zeros, empty texts, empty lists and absent fields, except for those named. */
export function withoutZeros<T extends object>(value: T, keep: readonly (keyof T)[] = []): T {
  const isZero = (v: unknown) =>
    v === undefined || v === 0 || v === '' || v === null || (Array.isArray(v) && v.length === 0);
  const entries = Object.entries(value).filter(
    ([k, v]) => v !== undefined && (keep.includes(k as keyof T) || !isZero(v)),
  );
  return Object.fromEntries(entries) as T;
}

/** Puts a condition at the end of the list; one that says the same already stays as it is, time and all. */
export function setCondition<C extends AnyCondition>(conditions: readonly C[] | undefined, next: C): C[] {
  const current = conditions?.find((c) => c.type === next.type);
  if (current && current.status === next.status && current.reason === next.reason) return [...(conditions ?? [])];
  const kept = current?.status === next.status && current.lastTransitionTime !== undefined;
  const condition = kept ? { ...next, lastTransitionTime: current.lastTransitionTime } : next;
  return [...removeCondition(conditions, next.type), condition];
}

export function removeCondition<C extends AnyCondition>(conditions: readonly C[] | undefined, type: string): C[] {
  return (conditions ?? []).filter((c) => c.type !== type);
}

/** Writes a status if it differs from the object's. An object that is gone needs none. */
export async function writeStatus<T extends KubeObject>(
  object: T,
  status: T['status'],
  updateStatus: (object: T) => Promise<T>,
): Promise<boolean> {
  if (jsonEqual(object.status, status)) return false;
  return (await unlessGone(updateStatus({ ...object, status }))) !== undefined;
}

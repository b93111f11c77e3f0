/** Whether a condition of this type is there and true. */
export const isTrue = (conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean =>
  conditions?.some((one) => one.type === type && one.status === 'True') ?? false;

/** Puts a condition in its place, or at the end; its time stays that of the last change of its status. */
export function putCondition<C extends { type: string; status: string; lastTransitionTime?: string }>(
  conditions: readonly C[],
  fresh: C,
): C[] {
  const at = conditions.findIndex(({ type }) => type === fresh.type);
  if (at < 0) return [...conditions, fresh];
  const { status, lastTransitionTime = fresh.lastTransitionTime } = conditions[at]!;
  return conditions.with(at, status === fresh.status ? { ...fresh, lastTransitionTime } : fresh);
}

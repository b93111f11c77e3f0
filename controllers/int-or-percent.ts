// `3` or `25%` of something. Upstream: apimachinery's intstr.GetScaledValueFromIntOrPercent.

/** The number that a count or percentage stands for; absent means 0. */
export function resolveIntOrPercent(value: number | string | undefined, total: number, round: 'up' | 'down'): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const exact = (Number(value.replace(/%$/, '')) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

// Durations as people read them: the Age column and "3 (2m ago)". Precision falls as the duration grows.
// Upstream: apimachinery's util/duration.

/** `45s`, `2m30s`, `15m`, `3h20m`, `26h`, `2d3h`, `12d`, `2y30d`, `9y`; `<invalid>` when it lies well in the future. */
export function formatHumanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return withRest(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? withRest(years, 'y', days % 365, 'd') : `${years}y`;
}

function withRest(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

/** Time since an RFC 3339 time; `<unknown>` without one. */
export function formatAge(time: string | null | undefined, nowMs: number): string {
  return time ? formatHumanDuration(nowMs - Date.parse(time)) : '<unknown>';
}

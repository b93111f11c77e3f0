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

/** The text is no duration, in the words of Go's time.ParseDuration. */
export class DurationError extends Error {}

const unitMs: Record<string, number> = {
  __proto__: null as never,
  ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000,
}; // biome-ignore format: one table
const durationPart = /(\d+\.?\d*|\.\d+)([^\d.]*)/y;
const maxDurationCharacters = 200;
/** Go's durations are nanoseconds in 64 bits. */
const maxDurationMs = 2 ** 63 / 1e6;

/** Milliseconds of `1h30m`, `-1.5s`, `300ms`, `0`. Throws DurationError. */
export function parseGoDuration(text: string): number {
  const refuse = (problem: string) => new DurationError(`time: ${problem} ${JSON.stringify(text)}`);
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  if (unsigned === '' || unsigned.length > maxDurationCharacters) throw refuse('invalid duration');
  let total = 0;
  durationPart.lastIndex = 0;
  for (let at = 0; at < unsigned.length; at = durationPart.lastIndex) {
    const [, number, unit = ''] = durationPart.exec(unsigned) ?? [];
    if (number === undefined) throw refuse('invalid duration');
    if (unit === '') throw refuse('missing unit in duration');
    const factor = unitMs[unit];
    if (factor === undefined) throw refuse(`unknown unit ${JSON.stringify(unit)} in duration`);
    total += Number(number) * factor;
    if (total >= maxDurationMs) throw refuse('invalid duration');
  }
  return text.startsWith('-') ? -total : total;
}

/** `15.062s`, `1m0.5s`, `2h0m0s`: as Go writes a duration. */
export function formatGoDuration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms - minutes * 60_000) / 1000}s`;
  if (minutes < 60) return minutes > 0 ? `${minutes}m${seconds}` : seconds;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

/** Milliseconds, or in Go's words why the text is no duration. */
export function tryGoDuration(text: string): number | string {
  try {
    return parseGoDuration(text);
  } catch (err) {
    if (!(err instanceof DurationError)) throw err;
    return err.message;
  }
}

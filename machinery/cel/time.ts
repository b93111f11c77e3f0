// Durations and timestamps: their texts, bounds and fields. Nanoseconds throughout. Upstream: Go's time.ParseDuration and
// RFC 3339.
import { CelError } from './errors.ts';
import { Duration, Timestamp } from './values.ts';

const second = 1_000_000_000n;
const unitNanos: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3600n * second,
};
const maxDuration = 2n ** 63n - 1n;
/** The zero of Go's times. */
export const firstInstant = -62_135_596_800n * second;
const lastInstant = 253_402_300_800n * second - 1n;

/** `1h30m`, `-1.5s`, `0`; undefined for other texts and for more than 64 bits of nanoseconds. */
export function parseDuration(text: string): Duration | undefined {
  if (text.length > 128) return undefined;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return new Duration(0n);
  const part = /(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|µs|μs|ms|s|m|h)/y;
  let nanos = 0n;
  let at = 0;
  while (at < body.length) {
    part.lastIndex = at;
    const match = part.exec(body);
    if (match === null) return undefined;
    const unit = unitNanos[match[4]!]!;
    const fraction = (match[2] ?? match[3] ?? '').slice(0, 18);
    nanos += BigInt(match[1] ?? 0) * unit + (BigInt(fraction || 0) * unit) / 10n ** BigInt(fraction.length);
    at = part.lastIndex;
  }
  if (body === '' || nanos > maxDuration + 1n) return undefined;
  nanos = text.startsWith('-') ? -nanos : nanos;
  return nanos > maxDuration ? undefined : new Duration(nanos);
}

/** `5400s`, with up to nine decimals. */
export function formatDuration(duration: Duration): string {
  const nanos = duration.nanos < 0n ? -duration.nanos : duration.nanos;
  const fraction = (nanos % second).toString().padStart(9, '0').replace(/0+$/, '');
  return `${duration.nanos < 0n ? '-' : ''}${nanos / second}${fraction === '' ? '' : `.${fraction}`}s`;
}

/** RFC 3339; undefined for other texts and for years outside 1 to 9999. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, local, fraction = '', zone] = match;
  const ms = Date.parse(`${local}Z`);
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(local!)) return undefined;
  const offset = zone === 'Z' ? 0 : offsetMinutes(zone!);
  if (offset === undefined) return undefined;
  const nanos = BigInt(ms - offset * 60_000) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  return isInstant(nanos) ? new Timestamp(nanos, offset) : undefined;
}

const isInstant = (nanos: bigint) => nanos >= firstInstant && nanos <= lastInstant;

/** RFC 3339 in the zone that it was written in, with the decimals that there are. */
export function formatTimestamp(timestamp: Timestamp): string {
  const seconds = floorDivide(timestamp.nanos, second);
  const fraction = (timestamp.nanos - seconds * second).toString().padStart(9, '0').replace(/0+$/, '');
  const offset = timestamp.offsetMinutes;
  const text = new Date(Number(seconds) * 1000 + offset * 60_000).toISOString().slice(0, 19);
  return `${text}${fraction === '' ? '' : `.${fraction}`}${formatOffset(offset)}`;
}

function formatOffset(minutes: number): string {
  if (minutes === 0) return 'Z';
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
}

export function durationOf(nanos: bigint): Duration {
  if (nanos > maxDuration || nanos < -maxDuration - 1n) throw new CelError('integer overflow');
  return new Duration(nanos);
}

export function timestampOf(nanos: bigint, offsetMinutes = 0): Timestamp {
  if (!isInstant(nanos)) throw new CelError('timestamp overflow');
  return new Timestamp(nanos, offsetMinutes);
}

export const secondsOf = (timestamp: Timestamp): bigint => floorDivide(timestamp.nanos, second);
export const nanosPerSecond = second;

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

function offsetMinutes(zone: string): number | undefined {
  const match = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (match === null || Number(match[2]) > 23 || Number(match[3]) > 59) return undefined;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]));
}

/** The clock of a zone, `America/New_York` or `-02:30`, at an instant: as the UTC fields of a date. */
export function localTime(timestamp: Timestamp, zone?: string): Date {
  const ms = Number(floorDivide(timestamp.nanos, 1_000_000n));
  if (zone === undefined || zone === 'UTC' || zone === '') return new Date(ms);
  const offset = offsetMinutes(zone);
  if (offset !== undefined) return new Date(ms + offset * 60_000);
  const shown = zoneFormat(zone)
    .format(new Date(ms))
    .split(/[^\d]+/)
    .map(Number);
  const [month, day, year, hour, minute, seconds] = shown as [number, number, number, number, number, number];
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, seconds, new Date(ms).getUTCMilliseconds());
  return local;
}

const zoneFormats = new Map<string, Intl.DateTimeFormat>();

function zoneFormat(zone: string): Intl.DateTimeFormat {
  let format = zoneFormats.get(zone);
  if (format === undefined) {
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      });
    } catch {
      throw new CelError(`unknown time zone ${zone}`);
    }
    zoneFormats.set(zone, format);
  }
  return format;
}

// The fields of timestamps and durations.
import { type Library, member } from '../decls.ts';
import { localTime } from '../time.ts';
import { canonicalInt, type Duration, type Timestamp } from '../values.ts';

const dayMs = 86_400_000;

function dayOfYear(date: Date): number {
  const first = new Date(date);
  first.setUTCMonth(0, 1);
  return Math.round((date.getTime() - first.getTime()) / dayMs);
}

const fields: Record<string, [id: string, (date: Date) => number]> = {
  getFullYear: ['timestamp_to_year', (date) => date.getUTCFullYear()],
  getMonth: ['timestamp_to_month', (date) => date.getUTCMonth()],
  getDayOfYear: ['timestamp_to_day_of_year', dayOfYear],
  getDayOfMonth: ['timestamp_to_day_of_month', (date) => date.getUTCDate() - 1],
  getDate: ['timestamp_to_day_of_month_1_based', (date) => date.getUTCDate()],
  getDayOfWeek: ['timestamp_to_day_of_week', (date) => date.getUTCDay()],
  getHours: ['timestamp_to_hours', (date) => date.getUTCHours()],
  getMinutes: ['timestamp_to_minutes', (date) => date.getUTCMinutes()],
  getSeconds: ['timestamp_to_seconds', (date) => date.getUTCSeconds()],
  getMilliseconds: ['timestamp_to_milliseconds', (date) => date.getUTCMilliseconds()],
};

/** The whole units in a duration. */
const durationFields: Record<string, [id: string, (nanos: bigint) => bigint]> = {
  getHours: ['duration_to_hours', (nanos) => nanos / 3_600_000_000_000n],
  getMinutes: ['duration_to_minutes', (nanos) => nanos / 60_000_000_000n],
  getSeconds: ['duration_to_seconds', (nanos) => nanos / 1_000_000_000n],
  getMilliseconds: ['duration_to_milliseconds', (nanos) => nanos / 1_000_000n],
};

const functions = Object.entries(fields).flatMap(([name, [id, read]]) => {
  const duration = durationFields[name];
  return [
    member(name, id, 'timestamp -> int', (at: Timestamp) => read(localTime(at))),
    member(name, `${id}_with_tz`, 'timestamp, string -> int', (at: Timestamp, zone: string) =>
      read(localTime(at, zone)),
    ),
    ...(duration === undefined
      ? []
      : [member(name, duration[0], 'duration -> int', (value: Duration) => canonicalInt(duration[1](value.nanos)))]),
  ];
});

export const timeLibrary: Library = { functions };

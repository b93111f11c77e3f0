// When a schedule is next due, in a time zone: the first minute whose clock there matches. So an hour that a zone leaves
// out in spring has no jobs, and one that it has twice in autumn has them twice. Pure. Upstream: Next of robfig/cron.
import type { CalendarSchedule, IntervalSchedule } from '../../api/batch/cronjob/schedule.ts';

export type Schedule = CalendarSchedule | IntervalSchedule;

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** What is not due for so long is never due: the thirtieth of February. */
const yearsAhead = 5;

/** The clock of a zone at an instant, as the UTC fields of a date. */
export type LocalClock = (ms: number) => Date;

/** The clock of a zone of the database; undefined for one that it does not have. */
export function localClock(zone = 'UTC'): LocalClock | undefined {
  if (zone === 'UTC' || zone === '') return (ms) => new Date(ms);
  let format: Intl.DateTimeFormat;
  try {
    const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...fields, second: 'numeric' });
  } catch {
    return undefined;
  }
  return (ms) => {
    const [month, day, year, ...time] = format.format(ms).split(/\D+/).map(Number) as [number, number, number];
    const [hour = 0, minute = 0, second = 0] = time as number[];
    return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  };
}

/** The first time after an instant, in milliseconds; undefined when there is none in sight. */
export function nextTime(schedule: Schedule, afterMs: number, local: LocalClock): number | undefined {
  if ('everyMs' in schedule) return Math.floor(afterMs / 1000) * 1000 + schedule.everyMs;
  let ms = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
  const lastYear = local(ms).getUTCFullYear() + yearsAhead;
  for (;;) {
    const now = local(ms);
    const hour = now.getUTCHours();
    const minute = now.getUTCMinutes();
    if (!isDay(schedule, now) || hour > schedule.hours.at(-1)!) {
      const day = nextDay(schedule, now, lastYear);
      if (day === undefined) return undefined;
      ms = startOfDay(day, local);
    } else if (!schedule.hours.includes(hour)) {
      ms += (60 - minute) * minuteMs;
    } else {
      const next = schedule.minutes.find((m) => m >= minute) ?? 60;
      if (next === minute) return ms;
      ms += (next - minute) * minuteMs;
    }
  }
}

/** Where both kinds of day are restricted, one of them is enough. */
function isDay(schedule: CalendarSchedule, day: Date): boolean {
  const { months, daysOfMonth, daysOfWeek, anyDayOfMonth, anyDayOfWeek } = schedule;
  if (!months.includes(day.getUTCMonth() + 1)) return false;
  const inMonth = daysOfMonth.includes(day.getUTCDate());
  const inWeek = daysOfWeek.includes(day.getUTCDay());
  return anyDayOfMonth || anyDayOfWeek ? inMonth && inWeek : inMonth || inWeek;
}

/** The next day of the calendar that matches, after the one of `now`. */
function nextDay(schedule: CalendarSchedule, now: Date, lastYear: number): number | undefined {
  let day = Math.floor(now.getTime() / dayMs) * dayMs;
  do {
    day += dayMs;
    if (new Date(day).getUTCFullYear() > lastYear) return undefined;
  } while (!isDay(schedule, new Date(day)));
  return day;
}

/** The first instant of a day in the zone: midnight, or what follows where the clock leaves that out. */
function startOfDay(day: number, local: LocalClock): number {
  const offsetAt = (ms: number) => local(ms).getTime() - ms;
  const [before, after] = [day - offsetAt(day - dayMs), day - offsetAt(day + dayMs)];
  return local(before).getTime() >= day ? before : after;
}

/** `2026-01-01T01:00:00+01:00` */
export function formatLocal(ms: number, local: LocalClock): string {
  const shown = local(ms);
  const offset = Math.round((shown.getTime() - ms) / minuteMs);
  const digits = (value: number) => String(value).padStart(2, '0');
  const size = Math.abs(offset);
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${digits(Math.floor(size / 60))}:${digits(size % 60)}`;
  return `${shown.toISOString().slice(0, 19)}${zone}`;
}

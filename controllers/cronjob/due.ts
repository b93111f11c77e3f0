// Which time of its schedule a cron job has to start a job for. Pure. Upstream: utils.go of pkg/controller/cronjob.
import type { CronJob } from '../../api/batch/cronjob/schema.ts';
import { type LocalClock, nextTime, type Schedule } from './next-time.ts';

/** So much later than the schedule says, since clocks differ. */
const marginMs = 100;
const manyMissed = 100;

/** A schedule that can be read and is never due. */
export class InvalidScheduleError extends Error {}

export interface Timetable {
  schedule: Schedule;
  local: LocalClock;
  /** Times up to this one are not made up for: the schedule was another one then. */
  sinceMs: number;
}

interface Recent {
  earliestMs: number;
  /** The last time up to now; undefined when none has come. */
  timeMs?: number;
  /** About how many times have come and gone. */
  missed: number;
}

function mostRecent(cron: CronJob, { schedule, local, sinceMs }: Timetable, nowMs: number, deadlineS?: number): Recent {
  const lastMs = Date.parse(cron.status?.lastScheduleTime ?? cron.metadata.creationTimestamp ?? '');
  const noEarlierMs = deadlineS === undefined ? 0 : nowMs - deadlineS * 1000;
  const earliestMs = Math.max(lastMs, sinceMs, noEarlierMs);
  const firstMs = nextTime(schedule, earliestMs, local);
  if (firstMs === undefined)
    throw new InvalidScheduleError('time difference between two schedules is less than 1 second');
  if (firstMs > nowMs) return { earliestMs, missed: 0 };
  const secondMs = nextTime(schedule, firstMs, local);
  if (secondMs === undefined || secondMs > nowMs) return { earliestMs, timeMs: firstMs, missed: 0 };
  const missed = Math.floor((nowMs - firstMs) / (secondMs - firstMs)) + 1;
  return { earliestMs, timeMs: lastUpTo(nowMs, secondMs, { schedule, local }), missed };
}

/** The last time up to now, found by halving; `timeMs` is one of them. */
function lastUpTo(nowMs: number, timeMs: number, { schedule, local }: Pick<Timetable, 'schedule' | 'local'>): number {
  if ('everyMs' in schedule) return timeMs + Math.floor((nowMs - timeMs) / schedule.everyMs) * schedule.everyMs;
  let lastMs = timeMs;
  let noneAfterMs = nowMs;
  for (;;) {
    const followingMs = nextTime(schedule, lastMs, local);
    if (followingMs === undefined || followingMs > nowMs) return lastMs;
    const middleMs = nextTime(schedule, (followingMs + noneAfterMs) / 2, local);
    if (middleMs !== undefined && middleMs <= nowMs) lastMs = middleMs;
    else {
      noneAfterMs = (followingMs + noneAfterMs) / 2;
      lastMs = followingMs;
    }
  }
}

export interface Due {
  timeMs: number;
  isTooMany: boolean;
}

/**
 * The time to start a job for; undefined when none has come, or its deadline is over. Those that were missed are counted
 * from the deadline on, if there is one. Throws InvalidScheduleError.
 */
export function dueTime(cron: CronJob, timetable: Timetable, nowMs: number): Due | undefined {
  const { timeMs } = mostRecent(cron, timetable, nowMs);
  const deadlineS = cron.spec.startingDeadlineSeconds;
  if (timeMs === undefined || (deadlineS !== undefined && timeMs + deadlineS * 1000 <= nowMs)) return undefined;
  const { missed } = mostRecent(cron, timetable, nowMs, deadlineS);
  return { timeMs, isTooMany: missed > manyMissed };
}

/** Milliseconds until the next time; undefined when there is none. */
export function nextInMs(cron: CronJob, timetable: Timetable, nowMs: number): number | undefined {
  const { earliestMs, timeMs } = mostRecent(cron, timetable, nowMs);
  const nextMs = nextTime(timetable.schedule, timeMs ?? earliestMs, timetable.local);
  return nextMs === undefined ? undefined : Math.max(0, nextMs + marginMs - nowMs);
}

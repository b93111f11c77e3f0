import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSchedule } from '../../api/batch/cronjob/schedule.ts';
import type { CronJob } from '../../api/batch/cronjob/schema.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import { alreadyExistsError, notFoundError } from '../../machinery/errors.ts';
import { deepFreeze } from '../../machinery/json.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { cronJobController } from './cronjob.ts';
import { dueTime, InvalidScheduleError, nextInMs } from './due.ts';
import { buildJob, planHistory } from './jobs.ts';
import { formatLocal, localClock, nextTime } from './next-time.ts';

const at = (text: string) => Date.parse(`${text}Z`);
const show = (ms: number | undefined) => ms && new Date(ms).toISOString().slice(0, 16);

describe('nextTime()', () => {
  const cases: [string, string, string, string, string | undefined][] = [
    ['after the minute, never in it', '* * * * *', 'UTC', '2026-01-01T10:00:00', '2026-01-01T10:01'],
    ['seconds do not count', '*/5 * * * *', 'UTC', '2026-01-01T10:04:59', '2026-01-01T10:05'],
    ['the last minute of the year', '0 0 1 1 *', 'UTC', '2026-06-01T00:00:00', '2027-01-01T00:00'],
    ['a day that leap years have', '0 0 29 2 *', 'UTC', '2026-06-01T00:00:00', '2028-02-29T00:00'],
    ['a day that there never is', '0 0 31 2 *', 'UTC', '2026-06-01T00:00:00', undefined],
    ['one kind of day is enough', '0 0 13 * 5', 'UTC', '2026-01-01T00:00:00', '2026-01-02T00:00'],
    ['unless the other is a star', '0 0 * * 5', 'UTC', '2026-01-02T00:00:00', '2026-01-09T00:00'],
    ['midnight in a zone', '0 0 * * *', 'Asia/Kolkata', '2026-01-01T00:00:00', '2026-01-01T18:30'],
    ['west of Greenwich', '30 8 * * 1-5', 'America/New_York', '2026-01-02T13:30:00', '2026-01-05T13:30'],
    ['an hour that is left out', '30 2 * * *', 'Europe/Vienna', '2026-03-28T02:00:00', '2026-03-30T00:30'],
    ['an hour that is there twice, first', '30 2 * * *', 'Europe/Vienna', '2026-10-24T22:00:00', '2026-10-25T00:30'],
    ['an hour that is there twice, again', '30 2 * * *', 'Europe/Vienna', '2026-10-25T00:30:00', '2026-10-25T01:30'],
    ['a midnight that is left out', '0 * * * *', 'Africa/Cairo', '2026-04-23T21:30:00', '2026-04-23T22:00'],
    ['a day without midnight', '0 1 24 4 *', 'Africa/Cairo', '2026-04-01T00:00:00', '2026-04-23T22:00'],
    ['an interval, in whole seconds', '@every 90s', 'UTC', '2026-01-01T10:00:00.700', '2026-01-01T10:01'],
  ];
  for (const [name, schedule, zone, after, expected] of cases) {
    test(`${name}: ${schedule} ${zone}`, () => {
      assert.equal(show(nextTime(parseSchedule(schedule), at(after), localClock(zone)!)), expected);
    });
  }
  test('a zone that there is not', () => assert.equal(localClock('Middle/Earth'), undefined));
});

test('formatLocal() writes the offset, Z for none', () => {
  const of = (zone: string, time: string) => formatLocal(at(time), localClock(zone)!);
  assert.deepEqual(
    [of('UTC', '2026-01-01T10:00'), of('Europe/London', '2026-01-01T10:00'), of('Asia/Kolkata', '2026-01-01T10:00')],
    ['2026-01-01T10:00:00Z', '2026-01-01T10:00:00Z', '2026-01-01T15:30:00+05:30'],
  );
  assert.equal(of('America/St_Johns', '2026-01-01T10:00'), '2026-01-01T06:30:00-03:30');
});

function cronJob(spec: object = {}, status: object = {}): CronJob {
  const metadata = { name: 'cj', namespace: 'default', uid: 'uid-cj', resourceVersion: '5' };
  const own = { schedule: '* * * * *', jobTemplate: { metadata: {}, spec: {} }, concurrencyPolicy: 'Allow' };
  const created = { ...metadata, creationTimestamp: '2026-01-01T00:00:00Z' };
  return deepFreeze({ metadata: created, spec: { ...own, ...spec }, status } as unknown as CronJob);
}

describe('dueTime() and nextInMs()', () => {
  interface Case {
    name: string;
    schedule: string;
    now: string;
    last?: string;
    deadline?: number;
    since?: string;
    due?: string;
    isTooMany?: boolean;
    next: number;
  }
  const cases: Case[] = [
    { name: 'not yet', schedule: '0 * * * *', now: '2026-01-01T00:59:00', next: 60_100 },
    { name: 'just now', schedule: '0 * * * *', now: '2026-01-01T01:00:00', due: '2026-01-01T01:00', next: 3_600_100 },
    {
      name: 'only the last of what was missed',
      schedule: '0 * * * *',
      now: '2026-01-01T05:20:00',
      due: '2026-01-01T05:00',
      next: 2_400_100,
    },
    {
      name: 'after a gap of a schedule that is dense at times',
      schedule: '* 0 1 * *',
      now: '2026-02-03T00:00:00',
      due: '2026-02-01T00:59',
      isTooMany: true,
      next: 26 * 86_400_000 + 100,
    },
    {
      name: 'more than a hundred',
      schedule: '* * * * *',
      now: '2026-01-01T03:00:30',
      due: '2026-01-01T03:00',
      isTooMany: true,
      next: 30_100,
    },
    {
      name: 'a deadline bounds the count',
      schedule: '* * * * *',
      now: '2026-01-01T03:00:30',
      deadline: 600,
      due: '2026-01-01T03:00',
      next: 30_100,
    },
    {
      name: 'beyond the deadline',
      schedule: '0 * * * *',
      now: '2026-01-01T01:05:00',
      deadline: 200,
      next: 3_300_100,
    },
    {
      name: 'done already',
      schedule: '0 * * * *',
      now: '2026-01-01T01:05:00',
      last: '2026-01-01T01:00',
      next: 3_300_100,
    },
    {
      name: 'missed by another schedule',
      schedule: '5 * * * *',
      now: '2026-01-01T00:30:00',
      since: '2026-01-01T00:20',
      next: 2_100_100,
    },
    {
      name: 'an interval counts from the last time',
      schedule: '@every 7m',
      now: '2026-01-01T00:30:00',
      last: '2026-01-01T00:01',
      due: '2026-01-01T00:29',
      next: 360_100,
    },
  ];
  for (const { name, schedule, now, last, deadline, since, due, isTooMany, next } of cases) {
    test(name, () => {
      const cron = cronJob(
        { schedule, ...(deadline ? { startingDeadlineSeconds: deadline } : {}) },
        last ? { lastScheduleTime: `${last}:00Z` } : {},
      );
      const sinceMs = since ? at(since) : 0;
      const timetable = { schedule: parseSchedule(schedule), local: localClock()!, sinceMs };
      const found = dueTime(cron, timetable, at(now));
      assert.deepEqual([show(found?.timeMs), found?.isTooMany ?? false], [due, isTooMany ?? false]);
      assert.equal(nextInMs(cron, timetable, at(now)), next);
    });
  }
  test('never', () => {
    const timetable = { schedule: parseSchedule('0 0 31 2 *'), local: localClock()!, sinceMs: 0 };
    assert.throws(() => dueTime(cronJob(), timetable, at('2026-01-01T01:00')), InvalidScheduleError);
  });
});

function job(name: string, end?: 'Complete' | 'Failed', startTime?: string): Job {
  const conditions = end ? [{ type: end, status: 'True' }] : [];
  const times = { ...(startTime ? { startTime } : {}), ...(end === 'Complete' ? { completionTime: startTime } : {}) };
  return deepFreeze({
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1' },
    status: { conditions, ...times },
  } as unknown as Job);
}

test('history: the newest stay, of each kind; what runs is none', () => {
  const jobs = [
    job('c', 'Complete', '2026-01-01T03:00:00Z'),
    job('a', 'Complete', '2026-01-01T01:00:00Z'),
    job('b', 'Complete', '2026-01-01T02:00:00Z'),
    job('f', 'Failed', '2026-01-01T01:00:00Z'),
    job('r'),
  ];
  const plan = (spec: object) => planHistory(cronJob(spec), jobs).map(({ metadata }) => metadata.name);
  assert.deepEqual(plan({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 }), ['a', 'b']);
  assert.deepEqual(plan({ successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 }), ['a', 'b', 'c', 'f']);
  assert.deepEqual(plan({}), []);
});

test('buildJob() takes labels, annotations and spec of the template, and nothing else', () => {
  const metadata = { labels: { a: 'b' }, annotations: { c: 'd' }, finalizers: ['x/y'], name: 'n' };
  const built = buildJob(
    cronJob({ jobTemplate: { metadata, spec: { parallelism: 2 } } }),
    at('2026-01-01T10:00'),
    localClock()!,
  );
  const { ownerReferences, ...rest } = built.metadata;
  assert.deepEqual(rest, {
    name: `cj-${at('2026-01-01T10:00') / 60_000}`,
    namespace: 'default',
    labels: { a: 'b' },
    annotations: { c: 'd', 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T10:00:00Z' },
  });
  assert.deepEqual(
    ownerReferences?.map(({ kind, uid }) => [kind, uid]),
    [['CronJob', 'uid-cj']],
  );
  assert.deepEqual(built.spec, { parallelism: 2 });
});

describe('reconcile()', () => {
  const world = (jobs: Job[] = [], more: object = {}) => {
    const said: string[] = [];
    const done: string[] = [];
    const late: number[] = [];
    const statuses: CronJob['status'][] = [];
    const deps = {
      clock: new FakeClock(at('2026-01-01T00:05:10')),
      skew: { observe: (seconds: number) => late.push(seconds) },
      jobs: { byIndex: () => jobs },
      jobClient: {
        get: async ({ name }: { name: string }) => {
          const found = jobs.find((j) => j.metadata.name === name);
          if (!found) throw notFoundError({ group: 'batch', resource: 'jobs' }, name);
          return found;
        },
        create: async (it: Job) => {
          done.push(`create ${it.metadata.name}`);
          return { ...it, metadata: { ...it.metadata, uid: 'uid-new', resourceVersion: '6' } };
        },
        delete: async ({ name }: { name: string }) => void done.push(`delete ${name}`),
      },
      cronClient: {
        updateStatus: async (it: CronJob) => {
          statuses.push(it.status);
          return { ...it, metadata: { ...it.metadata, resourceVersion: '7' } };
        },
      },
      memory: new Map(),
      say: (_: object, type: string, reason: string, message: string) => said.push(`${type} ${reason} ${message}`),
      ...more,
    } as unknown as Parameters<typeof cronJobController.reconcile>[1];
    return { said, done, late, statuses, deps };
  };
  const minute = at('2026-01-01T00:05:00') / 60_000;
  const active = (name: string) => ({ kind: 'Job', namespace: 'default', name, uid: `uid-${name}` });

  test('starts what is due, once: until its own write comes back it does nothing', async () => {
    const { said, done, late, statuses, deps } = world();
    const cron = cronJob();
    assert.deepEqual(await cronJobController.reconcile(cron, deps), { requeueAfterMs: 50_100 });
    assert.deepEqual(done, [`create cj-${minute}`]);
    assert.deepEqual(late, [10], 'seconds after the time of the schedule');
    assert.deepEqual(said, [`Normal SuccessfulCreate Created job cj-${minute}`]);
    assert.equal(statuses[0]?.lastScheduleTime, '2026-01-01T00:05:00Z');
    assert.deepEqual(
      statuses[0]?.active?.map(({ name, uid }) => [name, uid]),
      [[`cj-${minute}`, 'uid-new']],
    );
    assert.equal(await cronJobController.reconcile(cron, deps), undefined);
    assert.deepEqual([done.length, statuses.length], [1, 1]);
  });

  const cases: [string, object, Job[], string[], string[]][] = [
    [
      'Forbid waits',
      { concurrencyPolicy: 'Forbid' },
      [job('old')],
      [],
      ['Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid'],
    ],
    [
      'Replace ends what runs',
      { concurrencyPolicy: 'Replace' },
      [job('old')],
      ['delete old', `create cj-${minute}`],
      ['Normal SuccessfulDelete Deleted job old', `Normal SuccessfulCreate Created job cj-${minute}`],
    ],
    [
      'a suspended one only counts',
      { suspend: true },
      [job('old', 'Complete', '2026-01-01T00:01:00Z')],
      [],
      ['Normal SawCompletedJob Saw completed job: old, condition: Complete'],
    ],
    ['an active job that is gone', { suspend: true }, [], [], ['Normal MissingJob Active job went missing: old']],
    [
      'a zone that there is not',
      { timeZone: 'No/Where' },
      [job('old')],
      [],
      ['Warning UnknownTimeZone invalid timeZone: "No/Where": unknown time zone No/Where'],
    ],
    [
      'a schedule that is never due',
      { schedule: '0 0 31 2 *' },
      [job('old')],
      [],
      [
        'Warning InvalidSchedule invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
      ],
    ],
    ['too late, which nobody is told', { schedule: '2 0 * * *', startingDeadlineSeconds: 60 }, [job('old')], [], []],
  ];
  for (const [name, spec, jobs, wanted, events] of cases) {
    test(name, async () => {
      const { said, done, deps } = world(jobs);
      await cronJobController.reconcile(cronJob(spec, { active: [active('old')] }), deps);
      assert.deepEqual([done, said], [wanted, events]);
    });
  }

  test('a job whose mention was not written before a crash is mentioned, and not made again', async () => {
    const name = `cj-${minute}`;
    const made = {
      ...job(name),
      metadata: { ...job(name).metadata, ownerReferences: [{ uid: 'uid-cj', controller: true }] },
    };
    const { done, statuses, deps } = world([made as Job]);
    const taken = alreadyExistsError({ group: 'batch', resource: 'jobs' }, name);
    deps.jobClient.create = () => Promise.reject(taken);
    await cronJobController.reconcile(cronJob(), deps);
    assert.deepEqual(done, []);
    assert.deepEqual(
      statuses[0]?.active?.map((one) => one.uid),
      [`uid-${name}`],
    );
  });

  test('a schedule that changes begins when it is seen', async () => {
    const { done, deps } = world();
    await cronJobController.reconcile(cronJob({ schedule: '0 5 * * *' }), deps);
    const changed = { ...cronJob({ schedule: '3 * * * *' }) };
    const result = await cronJobController.reconcile(changed, deps);
    assert.deepEqual([done, result], [[], { requeueAfterMs: (57 * 60 + 50) * 1000 + 100 }]);
  });
});

// Makes jobs by a schedule, and clears away those that are history. Upstream: pkg/controller/cronjob.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/

import { parseSchedule, ScheduleError } from '../../api/batch/cronjob/schedule.ts';
import type { CronJob } from '../../api/batch/cronjob/schema.ts';
import { CronJobKind } from '../../api/batch/cronjob.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { isAlreadyExists, isNotFound, messageOf, unlessGone } from '../../machinery/errors.ts';
import { controllerOf, keyOf } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { controllerMetrics } from '../metrics.ts';
import { byController } from '../pods/claim.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { withoutZeros, writeStatus } from '../status.ts';
import { type Due, dueTime, InvalidScheduleError, nextInMs, type Timetable } from './due.ts';
import { buildJob, endOf, jobName, planHistory, referTo } from './jobs.ts';
import { localClock } from './next-time.ts';

const name = 'cronjob-controller';
const zoneInSchedule = /^(?:CRON_)?TZ=(\S*)/;

/** What is remembered of a cron job between two looks. */
interface Memory {
  uid: string;
  /** The schedule, and since when it is known to be this one. */
  schedule: string;
  sinceMs: number;
  /** The version of our last write: what is older has not been told of it yet. */
  written: bigint;
}

function createDeps(context: ControllerContext) {
  const jobs = context.informer(JobKind);
  jobs.addIndex(byController, (job) => [controllerOf(job)?.uid ?? '']);
  return {
    clock: context.clock,
    skew: controllerMetrics(context.registry).cronJobSkew.of(),
    jobs: jobs.lister,
    jobClient: context.resource(JobKind),
    cronClient: context.resource(CronJobKind),
    memory: new Map<string, Memory>(),
    say: sayingOf(CronJobKind, context.recorder(name)),
  };
}
type Deps = ReturnType<typeof createDeps>;
type Status = NonNullable<CronJob['status']>;

/** One look at a cron job. The status is what will be written. */
interface Pass {
  cron: CronJob;
  jobs: readonly Job[];
  status: Status;
  nowMs: number;
  deps: Deps;
}

const activeOf = ({ active = [] }: Status) => active;
const isActive = (status: Status, job: Job) => activeOf(status).some(({ uid }) => uid === job.metadata.uid);

function dropActive(pass: Pass, gone: string | undefined): void {
  pass.status = { ...pass.status, active: activeOf(pass.status).filter(({ uid }) => uid !== gone) };
}

/** A schedule that changes is not made up for: it begins when it is seen. */
function remember(cron: CronJob, { memory, clock }: Deps): Memory {
  const { uid = '' } = cron.metadata;
  const schedule = `${cron.spec.timeZone ?? ''} ${cron.spec.schedule}`;
  const before = memory.get(keyOf(cron));
  const known = before?.uid === uid ? before : { uid, schedule, sinceMs: 0, written: 0n };
  const now = known.schedule === schedule ? known : { ...known, schedule, sinceMs: clock.now() };
  memory.set(keyOf(cron), now);
  return now;
}

/** Takes note of jobs that have ended, and of those that are gone. */
async function countJobs(pass: Pass): Promise<void> {
  const { cron, jobs, deps } = pass;
  for (const job of jobs) {
    const end = endOf(job);
    const isKnown = isActive(pass.status, job);
    const { name: child = '' } = job.metadata;
    if (!end && !isKnown) {
      const text = `Saw a job that the controller did not create or forgot: ${child}`;
      deps.say(cron, 'Warning', 'UnexpectedJob', text);
    }
    if (end && isKnown) {
      dropActive(pass, job.metadata.uid);
      deps.say(cron, 'Normal', 'SawCompletedJob', `Saw completed job: ${child}, condition: ${end}`);
    }
    const at = end === 'Complete' ? job.status?.completionTime : undefined;
    const last = pass.status.lastSuccessfulTime;
    if (at && (!last || Date.parse(at) > Date.parse(last))) pass.status = { ...pass.status, lastSuccessfulTime: at };
  }
  const children = new Set(jobs.map((job) => job.metadata.uid));
  for (const active of activeOf(pass.status)) {
    if (children.has(active.uid)) continue;
    // The cache may be behind.
    const found = await unlessGone(deps.jobClient.get(active));
    if (found?.metadata.uid === active.uid) continue;
    deps.say(cron, 'Normal', 'MissingJob', `Active job went missing: ${active.name}`);
    dropActive(pass, active.uid);
  }
}

/** When the cron job is due; undefined where that cannot be said, which an event tells. */
function timetableOf({ cron, deps }: Pass, { sinceMs }: Memory): Timetable | undefined {
  const { schedule, timeZone } = cron.spec;
  const warn = (reason: string, message: string) => deps.say(cron, 'Warning', reason, message);
  const inSchedule = zoneInSchedule.exec(schedule)?.[1];
  const zone = inSchedule ?? timeZone;
  const local = localClock(zone);
  if (!local) {
    warn('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(zone)}: unknown time zone ${zone}`);
    return undefined;
  }
  if (cron.spec.suspend) return undefined;
  if (inSchedule !== undefined) {
    const where = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/';
    const text = `CRON_TZ or TZ used in schedule ${JSON.stringify(schedule)} is not officially supported`;
    warn('UnsupportedSchedule', `${text}, see ${where} for more details`);
  }
  try {
    return { schedule: parseSchedule(schedule), local, sinceMs };
  } catch (err) {
    if (!(err instanceof ScheduleError)) throw err;
    warn('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(schedule)} : ${err.message}`);
    return undefined;
  }
}

async function deleteJob(pass: Pass, job: Job): Promise<void> {
  const { cron, deps } = pass;
  const { name: child = '', uid = '' } = job.metadata;
  try {
    await deps.jobClient.delete(job.metadata, { uid, propagationPolicy: 'Background' });
  } catch (err) {
    if (isNotFound(err)) return;
    deps.say(cron, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(err)}`);
    throw err;
  }
  dropActive(pass, uid);
  deps.say(cron, 'Normal', 'SuccessfulDelete', `Deleted job ${child}`);
}

/** Ends what still runs, for what is due now. */
async function replaceActive(pass: Pass): Promise<void> {
  for (const active of activeOf(pass.status)) {
    let job: Job;
    try {
      job = await pass.deps.jobClient.get(active);
    } catch (err) {
      pass.deps.say(pass.cron, 'Warning', 'FailedGet', `Get job: ${messageOf(err)}`);
      throw err;
    }
    await deleteJob(pass, job);
  }
}

/** Makes the job of a time; one that is there was made before its mention in the status was written. */
async function createJob({ cron, deps }: Pass, wanted: Job, dueMs: number): Promise<Job | undefined> {
  try {
    const job = await deps.jobClient.create(wanted);
    deps.skew.observe(Math.max(0, deps.clock.now() - dueMs) / 1000);
    deps.say(cron, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return job;
  } catch (err) {
    if (isNamespaceTerminating(err)) return undefined;
    if (!isAlreadyExists(err)) {
      deps.say(cron, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(err)}`);
      throw err;
    }
  }
  const present = await deps.jobClient.get(wanted.metadata);
  return controllerOf(present)?.uid === cron.metadata.uid ? present : undefined;
}

/** Starts the job that is due, if it may. */
async function start(pass: Pass, due: Due, { local }: Timetable): Promise<void> {
  const { cron, deps } = pass;
  if (due.isTooMany) {
    const text = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    deps.say(cron, 'Warning', 'TooManyMissedTimes', text);
  }
  const lastScheduleTime = timestamp(due.timeMs);
  const isStarted = activeOf(pass.status).some((active) => active.name === jobName(cron, due.timeMs));
  if (isStarted || pass.status.lastScheduleTime === lastScheduleTime) return;
  if (cron.spec.concurrencyPolicy === 'Forbid' && activeOf(pass.status).length > 0) {
    const text = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    deps.say(cron, 'Normal', 'JobAlreadyActive', text);
    return;
  }
  if (cron.spec.concurrencyPolicy === 'Replace') await replaceActive(pass);
  const job = await createJob(pass, buildJob(cron, due.timeMs, local), due.timeMs);
  if (!job || isActive(pass.status, job)) return;
  pass.status = { ...pass.status, active: [...activeOf(pass.status), referTo(job)], lastScheduleTime };
}

async function followSchedule(pass: Pass, timetable: Timetable): Promise<ReconcileResult | undefined> {
  try {
    const due = dueTime(pass.cron, timetable, pass.nowMs);
    if (due) await start(pass, due, timetable);
    const requeueAfterMs = nextInMs({ ...pass.cron, status: pass.status }, timetable, pass.nowMs);
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
  } catch (err) {
    if (!(err instanceof InvalidScheduleError)) throw err;
    const text = `invalid schedule: ${pass.cron.spec.schedule} : ${err.message}`;
    pass.deps.say(pass.cron, 'Warning', 'InvalidSchedule', text);
    return undefined;
  }
}

async function reconcile(cron: CronJob, deps: Deps): Promise<ReconcileResult | undefined> {
  const memory = remember(cron, deps);
  // Its change brings it here again.
  if (BigInt(cron.metadata.resourceVersion ?? 0) < memory.written) return undefined;
  const jobs = deps.jobs.byIndex(byController, cron.metadata.uid ?? '');
  const pass: Pass = { cron, jobs, status: { ...cron.status }, nowMs: deps.clock.now(), deps };
  try {
    await countJobs(pass);
    if (cron.metadata.deletionTimestamp) return undefined;
    const timetable = timetableOf(pass, memory);
    const result = timetable && (await followSchedule(pass, timetable));
    for (const job of planHistory(cron, jobs)) if (!job.metadata.deletionTimestamp) await deleteJob(pass, job);
    return result;
  } finally {
    // Whatever failed, what was done is told.
    await writeStatus(cron, withoutZeros(pass.status), async (next) => {
      const written = await deps.cronClient.updateStatus(next);
      memory.written = BigInt(written.metadata.resourceVersion ?? 0);
      return written;
    });
  }
}

export const cronJobController = defineController({
  name,
  kind: CronJobKind,
  owns: [JobKind],
  concurrency: 5,
  deps: createDeps,
  reconcile,
  forget: (key, { memory }) => {
    memory.delete(key);
  },
});

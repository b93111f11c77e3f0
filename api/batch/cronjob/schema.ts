// What a cron job is: a schedule and the jobs to make by it.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
import { objectFields, objectMeta } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { objectReference } from '../../core/object-reference.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { jobSpec } from '../job/schema.ts';

const jobTemplateSpec = s.api('batch.v1.JobTemplateSpec', 'A job to make.', {
  metadata: s.field(objectMeta, 'Labels and annotations of the job.', { always: true }),
  spec: s.field(jobSpec, 'What the job runs.', { always: true }),
});

const cronJobSpec = s.api('batch.v1.CronJobSpec', 'Desired state of a cron job.', {
  concurrencyPolicy: s.string('Allow, Forbid or Replace a job that still runs.', {
    default: 'Allow',
    enum: ['Allow', 'Forbid', 'Replace'],
  }),
  failedJobsHistoryLimit: s.int32('Failed jobs to keep.', { pointer: true, default: 1 }),
  jobTemplate: s.field(jobTemplateSpec, 'The jobs.', mandatory),
  schedule: s.string('When, in the five fields of cron.', mandatory),
  startingDeadlineSeconds: s.int64('Seconds after which a missed start is given up.', { pointer: true }),
  successfulJobsHistoryLimit: s.int32('Successful jobs to keep.', { pointer: true, default: 3 }),
  suspend: s.boolean('No jobs start while true.', { pointer: true, default: false }),
  timeZone: s.string('Time zone of the schedule, Europe/Vienna.', { pointer: true }),
});
export interface CronJobSpec extends TypeOf<typeof cronJobSpec> {}

const cronJobStatus = s.api('batch.v1.CronJobStatus', 'Observed state of a cron job.', {
  active: s.list(objectReference, 'Jobs that run.', atomic),
  lastScheduleTime: s.time('When a job was last due and started.'),
  lastSuccessfulTime: s.time('When a job last succeeded.'),
});

export const cronJobSchema = s.api('batch.v1.CronJob', 'Makes jobs by a schedule.', {
  ...objectFields,
  spec: s.field(cronJobSpec, 'What should run, and when.', mandatory),
  status: s.field(cronJobStatus, 'What ran last.', { always: true }),
});
export interface CronJob extends ObjectOf<typeof cronJobSchema> {}

// CronJob: makes jobs by a schedule.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
import { formatAge } from '../../machinery/duration.ts';
import { type Column, column, defineKind } from '../../machinery/kind.ts';
import { setTemplateDefaults } from '../core/pod/defaults.ts';
import { ageColumn, workloadColumns } from '../meta/columns.ts';
import { type CronJob, cronJobSchema } from './cronjob/schema.ts';
import { validateCronJob } from './cronjob/validation.ts';
import { warnOfJob } from './job/warnings.ts';

export const CronJobKind = defineKind<CronJob>({
  kind: 'CronJob',
  plural: 'cronjobs',
  scope: 'Namespaced',
  shortNames: ['cj'],
  categories: ['all'],
  served: [
    {
      group: 'batch',
      version: 'v1',
      schema: cronJobSchema,
      setDefaults: ({ spec }: CronJob) => setTemplateDefaults(spec.jobTemplate?.spec?.template),
    },
  ],
  subresources: { status: true },
  hasGeneration: true,
  prepareForCreate: (job) => {
    job.status = {};
  },
  columns: [
    column('Schedule', 'string', 'When, in the five fields of cron.', ({ spec }) => spec.schedule),
    column('Timezone', 'string', 'Time zone of the schedule.', ({ spec }) => spec.timeZone ?? '<none>'),
    column('Suspend', 'boolean', 'Whether no jobs start.', ({ spec }) =>
      spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
    ),
    column('Active', 'integer', 'Jobs that run.', ({ status }) => status?.active?.length ?? 0),
    column('Last Schedule', 'string', 'Time since a job was last due and started.', ({ status }, { nowMs }) =>
      status?.lastScheduleTime ? formatAge(status.lastScheduleTime, nowMs) : '<none>',
    ),
    ageColumn,
    // Those of the jobs that it makes.
    ...workloadColumns.map(
      (column): Column<CronJob> => ({
        ...column,
        cell: ({ spec }, context) => column.cell({ spec: spec.jobTemplate?.spec ?? {} }, context),
      }),
    ),
  ],
  validate: validateCronJob,
  warnings: warnOfJob('spec.jobTemplate.spec'),
});

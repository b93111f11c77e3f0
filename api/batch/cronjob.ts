// CronJob: makes jobs by a schedule.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
import { formatAge } from '../../machinery/duration.ts';
import { type Column, defineKind } from '../../machinery/kind.ts';
import { warnOfName } from '../apps/workload-validation.ts';
import { setPodSpecDefaults } from '../core/pod/defaults.ts';
import { ageColumn, workloadColumns } from '../meta/columns.ts';
import { type CronJob, cronJobSchema } from './cronjob/schema.ts';
import { validateCronJob } from './cronjob/validation.ts';

export const CronJobKind = defineKind<CronJob>({
  kind: 'CronJob',
  plural: 'cronjobs',
  scope: 'Namespaced',
  shortNames: ['cj'],
  categories: ['all'],
  served: [{ group: 'batch', version: 'v1', schema: cronJobSchema, setDefaults }],
  subresources: { status: true },
  hasGeneration: true,
  allowUnconditionalUpdate: true,
  prepareForCreate: (job) => {
    job.status = {};
  },
  columns: [
    { name: 'Schedule', type: 'string', doc: 'When, in the five fields of cron.', cell: ({ spec }) => spec.schedule },
    {
      name: 'Timezone',
      type: 'string',
      doc: 'Time zone of the schedule.',
      cell: ({ spec }) => spec.timeZone ?? '<none>',
    },
    {
      name: 'Suspend',
      type: 'boolean',
      doc: 'Whether no jobs start.',
      cell: ({ spec }) => (spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False'),
    },
    { name: 'Active', type: 'integer', doc: 'Jobs that run.', cell: ({ status }) => status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      type: 'string',
      doc: 'Time since a job was last due and started.',
      cell: ({ status }, { nowMs }) =>
        status?.lastScheduleTime ? formatAge(status.lastScheduleTime, nowMs) : '<none>',
    },
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
  warnings: (object, old) => (old ? [] : warnOfName(object)),
});

function setDefaults({ spec }: CronJob): void {
  const pod = spec.jobTemplate?.spec?.template?.spec;
  if (pod) setPodSpecDefaults(pod);
}

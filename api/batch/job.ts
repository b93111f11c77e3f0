// Job: pods that run until enough of them succeed.
// The selector is generated from the job's uid, so that no two jobs can claim the same pods.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/
import { defineKind } from '../../machinery/kind.ts';
import { jobColumns } from './job/columns.ts';
import { prepareJob, setJobDefaults } from './job/defaults.ts';
import { type Job, jobSchema } from './job/schema.ts';
import { validateJobStatusUpdate } from './job/status-validation.ts';
import { validateJob, validateJobUpdate } from './job/validation.ts';
import { warnOfJob } from './job/warnings.ts';

export const JobKind = defineKind<Job>({
  kind: 'Job',
  plural: 'jobs',
  scope: 'Namespaced',
  categories: ['all'],
  served: [{ group: 'batch', version: 'v1', schema: jobSchema, setDefaults: setJobDefaults }],
  subresources: { status: true },
  hasGeneration: true,
  orphansByDefault:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  prepareForCreate: prepareJob,
  selectableFields: { 'status.successful': (job) => String(job.status?.succeeded ?? 0) },
  fieldRefusal: (field) => `field label ${JSON.stringify(field)} not supported for batchv1.Job`,
  columns: jobColumns,
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatusUpdate,
  warnings: warnOfJob('spec'),
});

// Defaults of jobs, and the selector and labels that tie a job to its pods.
// Upstream: SetDefaults_Job and the job strategy.
import { setTemplateDefaults } from '../../core/pod/defaults.ts';
import type { Job } from './schema.ts';

const maxInt32 = 2 ** 31 - 1;

/** Changes the job. */
export function setJobDefaults(job: Job): void {
  const { spec } = job;
  setTemplateDefaults(spec.template);
  // Without both, a job is one pod; with parallelism alone, a work queue without a fixed number of completions.
  if (spec.completions === undefined && spec.parallelism === undefined) {
    spec.completions = 1;
    spec.parallelism = 1;
  }
  spec.parallelism ??= 1;
  spec.completionMode ??= 'NonIndexed';
  spec.manualSelector ??= false;
  spec.suspend ??= false;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : maxInt32;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
}

/** Labels of a job's pods; the old ones stay for those who select by them. */
export const jobLabels = {
  uid: 'batch.kubernetes.io/controller-uid',
  name: 'batch.kubernetes.io/job-name',
  oldUid: 'controller-uid',
  oldName: 'job-name',
} as const;

/** Gives a new job a selector that only its own pods match, unless its author chose one. Changes the job. */
export function prepareJob(job: Job): void {
  job.status = {};
  if (!job.spec.manualSelector) generateSelector(job);
  // The job carries its template's labels where its author gave it none of its own.
  const labels = job.spec.template?.metadata?.labels;
  if (labels && Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...labels };
}

/** What the author wrote himself stays, and is refused where it is something else. */
function generateSelector({ spec, metadata: { uid = '', name = '' } }: Job): void {
  const labels = {
    [jobLabels.oldUid]: uid,
    [jobLabels.oldName]: name,
    [jobLabels.uid]: uid,
    [jobLabels.name]: name,
  };
  const { template } = spec;
  if (template) template.metadata = { ...template.metadata, labels: { ...labels, ...template.metadata?.labels } };
  spec.selector = { ...spec.selector, matchLabels: { [jobLabels.uid]: uid, ...spec.selector?.matchLabels } };
}

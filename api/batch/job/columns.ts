// What `kubectl get jobs` shows. Upstream: printJob in pkg/printers/internalversion.
import { isTrue } from '../../../machinery/conditions.ts';
import { formatHumanDuration } from '../../../machinery/duration.ts';
import { type Column, column } from '../../../machinery/kind.ts';
import { ageColumn, workloadColumns } from '../../meta/columns.ts';
import type { Job } from './schema.ts';

function showStatus(job: Job): string {
  const has = (type: string) => isTrue(job.status?.conditions, type);
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running';
}

function showCompletions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function showDuration({ status }: Job, nowMs: number): string {
  if (!status?.startTime) return '';
  const endMs = status.completionTime ? Date.parse(status.completionTime) : nowMs;
  return formatHumanDuration(endMs - Date.parse(status.startTime));
}

export const jobColumns: readonly Column<Job>[] = [
  column('Status', 'string', 'State of the job in a word.', showStatus),
  column('Completions', 'string', 'Successes, of those needed.', showCompletions),
  column('Duration', 'string', 'How long it has run, or ran.', (job, { nowMs }) => showDuration(job, nowMs)),
  ageColumn,
  ...workloadColumns,
];

// Validation of jobs. Upstream: ValidateJob in pkg/apis/batch/validation.
import { type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { sortKeys } from '../../../machinery/go-json.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { matchesLabelSelector } from '../../../machinery/labels.ts';
import { validatePodTemplate } from '../../core/pod/pod-spec-validation.ts';
import {
  showSelector,
  validateImmutableSelector,
  validateLabelSelector,
  validateOptionalWord,
} from '../../meta/checks.ts';
import { validateImmutable, validateNonNegative } from '../../meta/validation.ts';
import { jobLabels } from './defaults.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './policy-validation.ts';
import type { Job, JobSpec } from './schema.ts';

const maxIndexedParallelism = 100_000;

export function validateJob(job: Job): FieldError[] {
  return [...validateGeneratedSelector(job), ...validateSpec(job.spec, 'spec')];
}

/** The job that a template makes: its selector is generated then. */
export function validateJobTemplate(spec: JobSpec, path: string): FieldError[] {
  const errors = validateParts(spec, path);
  if (spec.selector) {
    errors.push(invalid(`${path}.selector`, showSelector(spec.selector), '`selector` will be auto-generated'));
  }
  if (spec.manualSelector) errors.push(notSupported(`${path}.manualSelector`, spec.manualSelector, ['nil', 'false']));
  return errors;
}

/** What the server generated must still be there, and nothing else. */
function validateGeneratedSelector({ spec, metadata }: Job): FieldError[] {
  if (spec.manualSelector || !spec.selector) return [];
  const errors: FieldError[] = [];
  const { uid = '', name = '' } = metadata;
  const expected = { matchLabels: { [jobLabels.uid]: uid } };
  const oldExpected = { matchLabels: { [jobLabels.oldUid]: uid } };
  if (!jsonEqual(spec.selector, expected) && !jsonEqual(spec.selector, oldExpected)) {
    errors.push(invalid('spec.selector', showSelector(spec.selector), '`selector` not auto-generated'));
  }
  const labels = spec.template?.metadata?.labels ?? {};
  const generated: [string, string][] = [
    [jobLabels.oldUid, uid],
    [jobLabels.oldName, name],
  ];
  for (const [key, value] of generated) {
    const at = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === undefined) errors.push(required(at, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalid(at, labels, `must be '${value}'`));
  }
  return errors;
}

const counters = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const satisfies (keyof JobSpec)[];

function validateSpec(spec: JobSpec, path: string): FieldError[] {
  const errors = validateParts(spec, path);
  if (!spec.selector) errors.push(required(`${path}.selector`));
  else errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  const template = `${path}.template`;
  const labels = spec.template?.metadata?.labels;
  if (spec.selector && !matchesLabelSelector(spec.selector, labels)) {
    errors.push(
      invalid(`${template}.metadata.labels`, sortKeys(labels), '`selector` does not match template `labels`'),
    );
  }
  return errors;
}

function validateParts(spec: JobSpec, path: string): FieldError[] {
  const template = `${path}.template`;
  const errors = counters.flatMap((field) => validateNonNegative(spec[field], `${path}.${field}`));
  const modes = ['NonIndexed', 'Indexed'];
  errors.push(...validateOptionalWord(spec.completionMode, modes, `${path}.completionMode`));
  errors.push(...validateIndexed(spec, path));
  errors.push(...validatePodTemplate(spec.template, template));
  errors.push(...validateRestartPolicy(spec, template));
  if (spec.podFailurePolicy) errors.push(...validatePodFailurePolicy(spec, `${path}.podFailurePolicy`));
  if (spec.successPolicy) errors.push(...validateSuccessPolicy(spec, `${path}.successPolicy`));
  const replacement = spec.podReplacementPolicy;
  const supported = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (replacement && !supported.includes(replacement)) {
    errors.push(notSupported(`${path}.podReplacementPolicy`, replacement, supported));
  }
  return errors;
}

function validateIndexed(spec: JobSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.completionMode === 'Indexed') {
    if (spec.completions === undefined) {
      errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    }
    if ((spec.parallelism ?? 0) > maxIndexedParallelism) {
      const detail = `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`;
      errors.push(invalid(`${path}.parallelism`, spec.parallelism, detail));
    }
    if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
      errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
    }
    return errors;
  }
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[field] === undefined) continue;
    errors.push(invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode'));
  }
  return errors;
}

function validateRestartPolicy({ template, podFailurePolicy }: JobSpec, path: string): FieldError[] {
  const at = `${path}.spec.restartPolicy`;
  const policy = template?.spec?.restartPolicy;
  if (!policy || policy === 'Always') return [required(at, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(at, policy, ['OnFailure', 'Never'])];
  if (podFailurePolicy && policy !== 'Never') {
    return [invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  }
  return [];
}

const immutableFields = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const satisfies (keyof JobSpec)[];

export function validateJobUpdate(next: Job, old: Job): FieldError[] {
  const errors = validateCompletionsUpdate(next.spec, old.spec);
  errors.push(...validateImmutableSelector(next.spec.selector, old.spec.selector, 'spec.selector'));
  for (const field of immutableFields) {
    errors.push(...validateImmutable(next.spec[field], old.spec[field], `spec.${field}`));
  }
  const template = isHeldBack(old) ? withSchedulingOf(next.spec.template, old.spec.template) : next.spec.template;
  errors.push(...validateImmutable(template, old.spec.template, 'spec.template'));
  return errors;
}

/** An indexed job may change its size as long as completions and parallelism stay equal. */
function validateCompletionsUpdate(next: JobSpec, old: JobSpec): FieldError[] {
  if (next.completions === old.completions) return [];
  if (next.completionMode !== 'Indexed' || next.completions === undefined || old.completions === undefined) {
    return validateImmutable(next.completions, old.completions, 'spec.completions');
  }
  if (next.completions === next.parallelism) return [];
  const detail = 'can only be modified in tandem with spec.parallelism';
  return [invalid('spec.completions', next.completions, `${detail}`)];
}

/** A suspended job that has not started may still be told where to run. */
function isHeldBack(job: Job): boolean {
  return job.spec.suspend === true && !job.status?.startTime;
}

function withSchedulingOf(template: JobSpec['template'], old: JobSpec['template']): JobSpec['template'] {
  const { nodeSelector, tolerations, schedulingGates } = old?.spec ?? {};
  const affinity = { ...template.spec?.affinity, nodeAffinity: old?.spec?.affinity?.nodeAffinity };
  const spec = { ...template.spec, nodeSelector, tolerations, schedulingGates };
  const nodeAffinityOnly = Object.values(affinity).every((part) => part === undefined);
  return {
    ...template,
    metadata: { ...template.metadata, labels: old?.metadata?.labels, annotations: old?.metadata?.annotations },
    spec: { ...spec, affinity: nodeAffinityOnly ? old?.spec?.affinity : affinity },
  } as JobSpec['template'];
}

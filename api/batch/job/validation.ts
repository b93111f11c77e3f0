// Validation of jobs. Upstream: ValidateJob in pkg/apis/batch/validation.
import { isTrue } from '../../../machinery/conditions.ts';
import { append, type FieldError, invalid, notSupported, required, tooLong } from '../../../machinery/field-error.ts';
import { sortKeys } from '../../../machinery/go-json.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { matchesLabelSelector } from '../../../machinery/labels.ts';
import { byteLength, checkDNS1123Label } from '../../../machinery/name-rules.ts';
import { validatePodTemplate } from '../../core/pod/pod-spec-validation.ts';
import {
  showSelector,
  validateDomainPrefixedPath,
  validateImmutableSelector,
  validateLabelSelector,
  validateOptionalWord,
} from '../../meta/checks.ts';
import { immutableText, validateImmutable, validateNonNegative } from '../../meta/validation.ts';
import { jobLabels } from './defaults.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './policy-validation.ts';
import type { Job, JobSpec } from './schema.ts';

const maxIndexed = 100_000;
/** Of parallelism and failed indexes, where there are more completions than that and each index has a limit. */
const maxOfManyCompletions = 10_000;
const maxManagedByLength = 63;

/** `old`: the job before, which may be from a time without the labels that have a prefix. */
export function validateJob(job: Job, old?: Job): FieldError[] {
  const oldLabels = old?.spec.template?.metadata?.labels;
  const isPrefixed = !old || (oldLabels?.[jobLabels.uid] !== undefined && oldLabels[jobLabels.name] !== undefined);
  const errors = [...validateGeneratedSelector(job, isPrefixed), ...validateSpec(job.spec)];
  const { completionMode, completions = 0 } = job.spec;
  const { name = '' } = job.metadata;
  const hostname = `${name}-${completions - 1}`;
  if (completionMode === 'Indexed' && completions > 0 && checkDNS1123Label(hostname).length > 0) {
    errors.push(invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${hostname}`));
  }
  return errors;
}

/** The job that a template makes: its selector is generated then. */
export function validateJobTemplate(spec: JobSpec): FieldError[] {
  const errors = validateParts(spec, 'spec.jobTemplate.spec');
  if (spec.selector) {
    errors.push(
      invalid('spec.jobTemplate.spec.selector', showSelector(spec.selector), '`selector` will be auto-generated'),
    );
  }
  if (spec.manualSelector)
    errors.push(notSupported('spec.jobTemplate.spec.manualSelector', spec.manualSelector, ['nil', 'false']));
  return errors;
}

/** What the server generated must still be there; the selector may ask for nothing else. */
function validateGeneratedSelector({ spec, metadata }: Job, isPrefixed: boolean): FieldError[] {
  if (spec.manualSelector || !spec.selector) return [];
  const errors: FieldError[] = [];
  const { uid = '', name = '' } = metadata;
  const generated: Record<string, string> = {
    [jobLabels.oldUid]: uid,
    [jobLabels.oldName]: name,
    ...(isPrefixed && { [jobLabels.uid]: uid, [jobLabels.name]: name }),
  };
  const labels = spec.template?.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(generated)) {
    const at = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === undefined) errors.push(required(at, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalid(at, sortKeys(labels), `must be '${value}'`));
  }
  if (!matchesLabelSelector(spec.selector, generated)) {
    errors.push(invalid('spec.selector', showSelector(spec.selector), '`selector` not auto-generated'));
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

function validateSpec(spec: JobSpec): FieldError[] {
  const errors = validateParts(spec, 'spec');
  if (!spec.selector) errors.push(required('spec.selector'));
  else append(errors, validateLabelSelector(spec.selector, 'spec.selector'));
  const template = 'spec.template';
  const labels = spec.template?.metadata?.labels;
  if (spec.selector && !matchesLabelSelector(spec.selector, labels)) {
    errors.push(
      invalid(`${template}.metadata.labels`, sortKeys(labels), '`selector` does not match template `labels`'),
    );
  }
  return errors;
}

function validateParts(spec: JobSpec, path: string): FieldError[] {
  const errors = counters.flatMap((field) => validateNonNegative(spec[field], `${path}.${field}`));
  const { managedBy } = spec;
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (managedBy !== undefined) {
    append(errors, validateDomainPrefixedPath(managedBy, `${path}.managedBy`));
    if (byteLength(managedBy) > maxManagedByLength) errors.push(tooLong(`${path}.managedBy`, maxManagedByLength));
  }
  append(errors, validateOptionalWord(spec.completionMode, ['NonIndexed', 'Indexed'], `${path}.completionMode`));
  append(errors, validateIndexed(spec, path));
  if (spec.podFailurePolicy) append(errors, validatePodFailurePolicy(spec, `${path}.podFailurePolicy`));
  if (spec.successPolicy) append(errors, validateSuccessPolicy(spec, `${path}.successPolicy`));
  const supported = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  append(errors, validateOptionalWord(spec.podReplacementPolicy, supported, `${path}.podReplacementPolicy`));
  append(errors, validatePodTemplate(spec.template, `${path}.template`));
  append(errors, validateRestartPolicy(spec, `${path}.template`));
  return errors;
}

function validateIndexed(spec: JobSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { completions, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (spec.completionMode === 'Indexed') {
    if (completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    const limit = (field: 'parallelism' | 'maxFailedIndexes', max: number, more: string) => {
      const value = spec[field] ?? 0;
      if (value > max) errors.push(invalid(`${path}.${field}`, value, `must be less than or equal to ${more}`));
    };
    limit('parallelism', maxIndexed, `${maxIndexed} when completion mode is Indexed`);
    if (completions !== undefined) limit('maxFailedIndexes', completions, 'completions');
    limit('maxFailedIndexes', maxIndexed, `${maxIndexed}`);
    if (completions === undefined || completions <= maxIndexed || backoffLimitPerIndex === undefined) return errors;
    if (maxFailedIndexes === undefined) {
      const detail = `must be specified when completions is above ${maxIndexed}`;
      errors.push(required(`${path}.maxFailedIndexes`, detail));
    }
    const when = `when completions are above ${maxIndexed} and used with backoff limit per index`;
    limit('parallelism', maxOfManyCompletions, `${maxOfManyCompletions} ${when}`);
    limit('maxFailedIndexes', maxOfManyCompletions, `${maxOfManyCompletions} ${when}`);
    return errors;
  }
  if (spec.completionMode !== undefined && spec.completionMode !== 'NonIndexed') return errors;
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
  append(errors, validateImmutableSelector(next.spec.selector, old.spec.selector, 'spec.selector'));
  const free = isHeldBack(old) ? withoutFreeFields : (template: JobSpec['template']) => template;
  if (!jsonEqual(free(next.spec.template), free(old.spec.template))) {
    errors.push(invalid('spec.template', next.spec.template, immutableText));
  }
  for (const field of immutableFields) {
    append(errors, validateImmutable(next.spec[field], old.spec[field], `spec.${field}`));
  }
  return errors;
}

/** An indexed job may change its size as long as completions and parallelism stay equal. */
function validateCompletionsUpdate(next: JobSpec, old: JobSpec): FieldError[] {
  if (next.completions === old.completions) return [];
  if (next.completionMode !== 'Indexed') {
    return validateImmutable(next.completions, old.completions, 'spec.completions');
  }
  if (next.completions === undefined || next.completions === next.parallelism) return [];
  return [invalid('spec.completions', next.completions, 'can only be modified in tandem with spec.parallelism')];
}

/** A suspended job without pods may still be told where to run, and with how much. */
function isHeldBack({ spec, status }: Job): boolean {
  return spec.suspend === true && !status?.active && (!status?.startTime || isTrue(status.conditions, 'Suspended'));
}

function withoutFreeFields(template: JobSpec['template']): unknown {
  const { nodeSelector, tolerations, schedulingGates, affinity, containers, initContainers, ...spec } =
    template.spec ?? ({} as NonNullable<JobSpec['template']['spec']>);
  const { nodeAffinity, ...others } = affinity ?? {};
  const { labels, annotations, ...metadata } = template.metadata ?? {};
  const unsized = (list: readonly { resources?: unknown }[] | null | undefined) =>
    list?.map(({ resources, ...container }) => container);
  return { metadata, spec, others, containers: unsized(containers), initContainers: unsized(initContainers) };
}

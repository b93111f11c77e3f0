// Validation of access reviews. Upstream: pkg/apis/authorization/validation.
import { type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { ObjectMeta } from '../../machinery/metadata.ts';
import { validateLabelRequirement, validateOperands } from '../meta/checks.ts';
import type { NonResourceAttributes, ResourceAttributes } from './access-attributes.ts';

interface Question {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}
interface Review {
  metadata: ObjectMeta;
  spec: Question & { user?: string; groups?: string[] };
}

function validateQuestion({ resourceAttributes, nonResourceAttributes }: Question): FieldError[] {
  const path = 'spec.resourceAttributes';
  if (resourceAttributes && nonResourceAttributes) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalid('spec.nonResourceAttributes', nonResourceAttributes, detail)];
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    return [invalid(path, null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')];
  }
  const { fieldSelector, labelSelector } = resourceAttributes ?? {};
  return [
    ...validateSelector(fieldSelector, `${path}.fieldSelector`, (requirement, at) => [
      ...(requirement.key === '' ? [required(`${at}.key`, 'must be specified')] : []),
      ...(validateOperands(requirement, at) ?? []),
    ]),
    ...validateSelector(labelSelector, `${path}.labelSelector`, (requirement, at) => [
      ...(validateOperands(requirement, at) ?? []),
      ...validateLabelRequirement(requirement.key, requirement.values, at),
    ]),
  ];
}

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

// Of operators that are not known yet newer clients may ask.
function validateSelector(
  selector: { rawSelector?: string; requirements?: Requirement[] } | undefined,
  path: string,
  validate: (requirement: Requirement, path: string) => FieldError[],
): FieldError[] {
  if (!selector) return [];
  const { rawSelector, requirements = [] } = selector;
  const errors: FieldError[] = [];
  if (rawSelector && requirements.length > 0)
    errors.push(invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
  if (!rawSelector && requirements.length === 0)
    errors.push(required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`));
  return [...errors, ...requirements.flatMap((requirement, i) => validate(requirement, `${path}.requirements[${i}]`))];
}

function validateEmptyMetadata(metadata: ObjectMeta): FieldError[] {
  const { managedFields, namespace, ...rest } = metadata;
  return Object.keys(rest).length === 0 ? [] : [invalid('metadata', metadata, 'must be empty')];
}

function validateUser({ user, groups }: Review['spec']): FieldError[] {
  return user || groups?.length
    ? []
    : [invalid('spec.user', user ?? '', 'at least one of user or group must be specified')];
}

export function validateSubjectAccessReview(review: Review): FieldError[] {
  return [...validateQuestion(review.spec), ...validateUser(review.spec), ...validateEmptyMetadata(review.metadata)];
}

export function validateSelfSubjectAccessReview(review: Review): FieldError[] {
  return [...validateQuestion(review.spec), ...validateEmptyMetadata(review.metadata)];
}

/** Asks about one namespace, and only about resources. */
export function validateLocalSubjectAccessReview(review: Review): FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = review.spec;
  const errors = [...validateQuestion(review.spec), ...validateUser(review.spec)];
  if (resourceAttributes && !jsonEqual(resourceAttributes.namespace, review.metadata.namespace)) {
    const detail = 'must match metadata.namespace';
    errors.push(invalid('spec.resourceAttributes.namespace', resourceAttributes.namespace ?? '', detail));
  }
  if (nonResourceAttributes) {
    const detail = 'disallowed on this kind of request';
    errors.push(invalid('spec.nonResourceAttributes', nonResourceAttributes, detail));
  }
  return errors;
}

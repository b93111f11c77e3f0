// Validation of requests and limits, of containers and of pods. Upstream: pkg/apis/core/validation.
import { duplicate, type FieldError, forbidden, invalid, notFound, required } from '../../../machinery/field-error.ts';
import { compareQuantities, isNegativeQuantity, isWholeQuantity } from '../../../machinery/quantity.ts';
import { validateOptionalWord, validateQualifiedName } from '../../meta/checks.ts';
import { negativeText } from '../../meta/validation.ts';
import { isHugePagesResource, isPodLevelResource } from './resource-totals.ts';
import type { ContainerResizePolicy, ResourceRequirements } from './resources.ts';

const standardResources = new Set(['cpu', 'memory', 'ephemeral-storage']);
const isStandard = (name: string) => standardResources.has(name) || isHugePagesResource(name);

/** Resources of devices and the like, named with a domain of their own. */
export function isExtendedResourceName(name: string): boolean {
  return name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name) && !name.startsWith('requests.');
}

/** Whether more of it may be limited than is set aside. */
const isOvercommitAllowed = (name: string) => standardResources.has(name);

export function validateResourceName(name: string, path: string): FieldError[] {
  const errors = validateQualifiedName(name, path);
  if (errors.length > 0) return errors;
  if (!name.includes('/')) {
    return isStandard(name) ? [] : [invalid(path, name, 'must be a standard resource for containers')];
  }
  const isNative = /(^|\.)kubernetes\.io\//.test(name);
  if (isNative || isExtendedResourceName(name)) return [];
  return [invalid(path, name, "doesn't follow extended resource name standard")];
}

export function validateResourceAmount(name: string, amount: string, path: string): FieldError[] {
  if (isNegativeQuantity(amount)) return [invalid(path, amount, negativeText)];
  if (!isStandard(name) && isExtendedResourceName(name) && !isWholeQuantity(amount)) {
    return [invalid(path, amount, 'must be an integer')];
  }
  return [];
}

function validateSide(list: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, amount]) => [
    ...validateResourceName(name, `${path}[${name}]`),
    ...validateResourceAmount(name, amount, `${path}[${name}]`),
  ]);
}

/** Requests and limits of a container; `claimNames` are those of the pod's spec.resourceClaims. */
export function validateResources(
  resources: ResourceRequirements | undefined,
  claimNames: ReadonlySet<string>,
  path: string,
): FieldError[] {
  if (!resources) return [];
  const errors = validateSide(resources.limits, `${path}.limits`);
  errors.push(...validateSide(resources.requests, `${path}.requests`));
  errors.push(...compareSides(resources, path));
  const names = Object.keys({ ...resources.limits, ...resources.requests });
  if (names.some(isHugePagesResource) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  }
  const seen = new Set<string>();
  for (const [i, { name, request }] of (resources.claims ?? []).entries()) {
    const at = `${path}.claims[${i}]`;
    const key = `${name}/${request ?? ''}`;
    if (!name) errors.push(required(`${at}.name`));
    else if (seen.has(key)) errors.push(duplicate(at, name));
    else if (!claimNames.has(name)) errors.push(notFound(`${at}.name`, name));
    seen.add(key);
  }
  return errors;
}

function compareSides({ limits, requests }: ResourceRequirements, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, request] of Object.entries(requests ?? {})) {
    const limit = limits && Object.hasOwn(limits, name) ? limits[name] : undefined;
    if (limit === undefined) {
      if (!isOvercommitAllowed(name)) {
        errors.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
      }
      continue;
    }
    const order = compareQuantities(request, limit);
    if (order !== 0 && !isOvercommitAllowed(name)) {
      errors.push(invalid(`${path}.requests`, request, `must be equal to ${name} limit of ${limit}`));
    } else if (order > 0) {
      errors.push(invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  return errors;
}

/** Requests and limits of the pod as a whole. */
export function validatePodResources(resources: ResourceRequirements | undefined, path: string): FieldError[] {
  if (!resources) return [];
  const errors = resources.claims?.length ? [forbidden(`${path}.claims`, 'claims cannot be set at pod-level')] : [];
  for (const side of ['limits', 'requests'] as const) {
    for (const name of Object.keys(resources[side] ?? {})) {
      if (isPodLevelResource(name)) continue;
      errors.push({
        type: 'NotSupported',
        field: `${path}.${side}[${name}]`,
        detail: `Unsupported value: ${JSON.stringify(name)}: supported values: "cpu", "hugepages-", "memory"`,
      });
    }
  }
  return errors.length > 0 ? errors : validateResources(resources, new Set(), path);
}

export function validateResizePolicies(policies: readonly ContainerResizePolicy[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { resourceName, restartPolicy }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(`${path}[${i}]`, resourceName));
    seen.add(resourceName);
    errors.push(...validateOptionalWord(resourceName, ['cpu', 'memory'], `${path}[${i}]`));
    errors.push(...validateOptionalWord(restartPolicy, ['NotRequired', 'RestartContainer'], `${path}[${i}]`));
  }
  return errors;
}

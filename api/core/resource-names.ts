// Names of resources, as quotas and limit ranges take them. Upstream: pkg/apis/core/helper.
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { checkQualifiedName } from '../../machinery/name-rules.ts';
import { isNegativeQuantity, isWholeQuantity } from '../../machinery/quantity.ts';
import { validateQualifiedName } from '../meta/checks.ts';
import { negativeText } from '../meta/validation.ts';
import { isHugePagesResource } from './pod/resource-totals.ts';

const requestsPrefix = 'requests.';
const containerResources = ['cpu', 'memory', 'ephemeral-storage'] as const;

/** What is counted by whole objects. */
const countedResources = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];

const quotaResources = new Set<string>([
  ...containerResources,
  ...containerResources.map((name) => `${requestsPrefix}${name}`),
  ...containerResources.map((name) => `limits.${name}`),
  'requests.storage',
  ...countedResources,
]);
const counted = new Set(countedResources);

/** Resources of Kubernetes itself: without a domain, or in its own. */
const isNativeResource = (name: string) => !name.includes('/') || name.includes('kubernetes.io/');

/** Resources of devices and the like: in a domain of their own, with a name that a quota can take. */
export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith(requestsPrefix)) return false;
  return checkQualifiedName(`${requestsPrefix}${name}`).length === 0;
}

const isQuotaHugePages = (name: string) => isHugePagesResource(name.replace(/^requests\./, ''));

export const isStandardQuotaResource = (name: string) => quotaResources.has(name) || isQuotaHugePages(name);

/** More of it may be promised than there is. */
export const isOvercommitAllowed = (name: string) => isNativeResource(name) && !isHugePagesResource(name);

export function validateAnyResourceName(name: string, path: string): FieldError[] {
  const errors = validateQualifiedName(name, path);
  if (errors.length > 0 || name.includes('/')) return errors;
  const isStandard = isStandardQuotaResource(name) || name === 'storage';
  return isStandard ? [] : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

export function validateContainerResourceName(name: string, path: string): FieldError[] {
  const errors = validateAnyResourceName(name, path);
  if (!name.includes('/')) {
    const isStandard = containerResources.some((known) => known === name) || isHugePagesResource(name);
    if (!isStandard) errors.push(invalid(path, name, 'must be a standard resource for containers'));
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
  return errors;
}

export function validateQuotaResourceName(name: string, path: string): FieldError[] {
  const errors = validateAnyResourceName(name, path);
  if (name.includes('/') || isStandardQuotaResource(name)) return errors;
  return [...errors, invalid(path, name, 'must be a standard resource for quota')];
}

/** Not below zero, and whole where objects or devices are counted. */
export function validateAmount(name: string, amount: string, path: string): FieldError[] {
  const errors = isNegativeQuantity(amount) ? [invalid(path, amount, negativeText)] : [];
  if ((counted.has(name) || isExtendedResource(name)) && !isWholeQuantity(amount)) {
    errors.push(invalid(path, amount, 'must be an integer'));
  }
  return errors;
}

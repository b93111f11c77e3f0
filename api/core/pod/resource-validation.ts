// Validation of requests and limits, of containers and of pods. Upstream: pkg/apis/core/validation.
import {
  append,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from '../../../machinery/field-error.ts';
import { compareQuantities, parseQuantity, quantityMilliValue, quantityValue } from '../../../machinery/quantity.ts';
import { validateDNSLabel, validateWord } from '../../meta/checks.ts';
import {
  isOvercommitAllowed,
  validateAmount,
  validateAnyResourceName,
  validateContainerResourceName,
} from '../resource-names.ts';
import type { PodSpec } from './pod-spec.ts';
import { isHugePagesResource, isPodLevelResource, sumContainerResources } from './resource-totals.ts';
import type { ContainerResizePolicy, ResourceRequirements } from './resources.ts';

/** The names of a pod's claims, and what complaints about others say of them: each shows all, but for those of very many. */
export interface ClaimNames {
  names: ReadonlySet<string>;
  shown: string;
}

const maxShownClaims = 50;

export function claimNamesOf(claims: PodSpec['resourceClaims'] = []): ClaimNames {
  const names = new Set(claims.map(({ name }) => name).filter(Boolean));
  const list = [...names].sort().slice(0, maxShownClaims).join(', ');
  return { names, shown: list ? `: ${list}` : ' which is empty' };
}

type NameCheck = (name: string, path: string) => FieldError[];

function validateHugePages(name: string, amount: string, path: string): FieldError[] {
  const page = name.slice('hugepages-'.length);
  const bytes = parseQuantity(page) ? quantityValue(page) : 0;
  const isMultiple = bytes > 0 && quantityMilliValue(page) % 1000 === 0 && quantityValue(amount) % bytes === 0;
  return isMultiple ? [] : [invalid(path, amount, `${amount} is not positive integer multiple of ${name}`)];
}

function validateSide(list: Readonly<Record<string, string>> | undefined, checkName: NameCheck, path: string) {
  return Object.entries(list ?? {}).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    const own = [...checkName(name, at), ...validateAmount(name, amount, at)];
    return isHugePagesResource(name) ? [...own, ...validateHugePages(name, amount, at)] : own;
  });
}

/** Requests and limits of a container; `claims` are those of the pod. */
export function validateResources(
  resources: ResourceRequirements | undefined,
  claims: ClaimNames,
  path: string,
  checkName: NameCheck = validateContainerResourceName,
): FieldError[] {
  if (!resources) return [];
  const errors = validateSide(resources.limits, checkName, `${path}.limits`);
  append(errors, validateSide(resources.requests, checkName, `${path}.requests`));
  append(errors, compareSides(resources, path));
  const names = Object.keys({ ...resources.limits, ...resources.requests });
  if (names.some(isHugePagesResource) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  }
  return [...errors, ...validateClaims(resources.claims ?? [], claims, `${path}.claims`)];
}

/** A claim is named as a whole, or by its requests, each once. */
function validateClaims(
  wanted: NonNullable<ResourceRequirements['claims']>,
  { names, shown }: ClaimNames,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const whole = new Set<string>();
  const requests = new Set<string>();
  const inPart = new Set<string>();
  for (const [i, { name, request }] of wanted.entries()) {
    const at = `${path}[${i}]`;
    if (!name) {
      errors.push(required(at));
      continue;
    }
    const key = `${name}/${request}`;
    if (whole.has(name) || (!request && inPart.has(name))) errors.push(duplicate(at, name));
    else if (request) {
      append(errors, validateDNSLabel(request, `${at}.request`));
      if (requests.has(key)) errors.push(duplicate(at, key));
      requests.add(key);
      inPart.add(name);
    }
    if (!request) whole.add(name);
    if (names.has(name)) continue;
    errors.push(notFound(at, name, `must be one of the names in pod.spec.resourceClaims${shown}`));
  }
  return errors;
}

/** Names may be those that every object has. */
const amountOf = (list: Readonly<Record<string, string>> | undefined, name: string) =>
  list && Object.hasOwn(list, name) ? list[name] : undefined;

function compareSides({ limits, requests }: ResourceRequirements, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, request] of Object.entries(requests ?? {})) {
    const limit = amountOf(limits, name);
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

function validatePodResourceName(name: string, path: string): FieldError[] {
  const errors = validateAnyResourceName(name, path);
  if (errors.length > 0 || isPodLevelResource(name)) return errors;
  return [notSupported(path, name, ['cpu', 'hugepages-', 'memory'])];
}

/** Requests and limits of the pod as a whole, and whether the containers' fit into them. */
export function validatePodResources(spec: PodSpec, claims: ClaimNames, path: string): FieldError[] {
  const { resources } = spec;
  if (!resources) return [];
  if (spec.os?.name === 'windows') return [forbidden(path, 'may not be set for a windows pod')];
  const errors = resources.claims
    ? [forbidden(`${path}.claims`, 'claims cannot be set for Resources at pod-level')]
    : [];
  append(errors, validateResources(resources, claims, path, validatePodResourceName));
  for (const side of ['requests', 'limits'] as const) {
    for (const [name, total] of Object.entries(sumContainerResources(spec, side))) {
      const own = amountOf(resources[side], name);
      const isBounded = side === 'requests' || isHugePagesResource(name);
      if (!isBounded || own === undefined || compareQuantities(total, own) <= 0) continue;
      const detail = `must be greater than or equal to aggregate container ${side} of ${total}`;
      errors.push(invalid(`${path}.${side}[${name}]`, own, detail));
    }
  }
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const own = amountOf(resources.limits, name);
      if (own === undefined || compareQuantities(limit, own) <= 0) continue;
      // Upstream builds this path from that of the pod's resources.
      const at = `${path}.containers[${i}][${name}].limits`;
      errors.push(invalid(at, limit, `must be less than or equal to pod limits of ${own}`));
    }
  }
  return errors;
}

/** What is wrong is said of the whole list. */
export function validateResizePolicies(
  policies: readonly ContainerResizePolicy[],
  path: string,
  podRestartPolicy: string | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { resourceName, restartPolicy }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(`${path}[${i}]`, resourceName));
    seen.add(resourceName);
    append(errors, validateWord(resourceName, ['cpu', 'memory'], path));
    append(errors, validateWord(restartPolicy, ['NotRequired', 'RestartContainer'], path));
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    }
  }
  return errors;
}

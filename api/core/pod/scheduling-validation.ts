// Validation of everything the scheduler reads: affinity, tolerations, topology spread, gates.
// Upstream: pkg/apis/core/validation.
import {
  append,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../../../machinery/field-error.ts';
import { checkDNS1123Label, checkDNS1123Subdomain, checkLabelValue } from '../../../machinery/name-rules.ts';
import {
  existsForbidsValuesText,
  inNeedsValuesText,
  unknownOperatorText,
  validateLabelSelector,
  validateOptionalWord,
  validateQualifiedName,
  validateWith,
} from '../../meta/checks.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from './affinity.ts';
import type { PodSchedulingGate, Toleration, TopologySpreadConstraint } from './scheduling.ts';

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTaintEffect(effect: string | undefined, path: string): FieldError[] {
  return validateOptionalWord(effect || undefined, taintEffects, path);
}

export function validateTolerations(tolerations: readonly Toleration[], path: string): FieldError[] {
  return tolerations.flatMap((toleration, i) => validateToleration(toleration, `${path}[${i}]`));
}

function validateToleration(toleration: Toleration, path: string): FieldError[] {
  const { key, operator, value = '', effect, tolerationSeconds } = toleration;
  const errors = key ? validateQualifiedName(key, `${path}.key`) : [];
  if (!key && operator !== 'Exists') {
    const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalid(`${path}.operator`, operator ?? '', detail));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    errors.push(invalid(`${path}.effect`, effect ?? '', detail));
  }
  if (!operator || operator === 'Equal') {
    const complaints = checkLabelValue(value);
    if (complaints.length > 0) errors.push(invalid(`${path}.operator`, value, complaints.join(';')));
  } else if (operator === 'Exists') {
    if (value) errors.push(invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  } else {
    errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  }
  append(errors, validateTaintEffect(effect, `${path}.effect`));
  return errors;
}

export function validateAffinity(affinity: Affinity | undefined, path: string): FieldError[] {
  if (!affinity) return [];
  const errors: FieldError[] = [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity) {
    const at = `${path}.nodeAffinity`;
    const needed = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (needed) append(errors, validateNodeSelector(needed, `${at}.requiredDuringSchedulingIgnoredDuringExecution`));
    for (const [i, term] of (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const termPath = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      append(errors, validateWeight(term.weight, `${termPath}.weight`));
      // A wish that no label can meet is no error.
      append(errors, validateNodeSelectorTerm(term.preference, `${termPath}.preference`, false));
    }
  }
  if (podAffinity) append(errors, validatePodAffinity(podAffinity, `${path}.podAffinity`));
  if (podAntiAffinity) append(errors, validatePodAffinity(podAntiAffinity, `${path}.podAntiAffinity`));
  return errors;
}

function validateWeight(weight: number, path: string): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalid(path, weight, 'must be in the range 1-100')];
}

export function validateNodeSelector(selector: NodeSelector, path: string): FieldError[] {
  const at = `${path}.nodeSelectorTerms`;
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')];
  return terms.flatMap((term, i) => validateNodeSelectorTerm(term, `${at}[${i}]`, true));
}

function validateNodeSelectorTerm(term: NodeSelectorTerm, path: string, checksValues: boolean): FieldError[] {
  const labels = (term.matchExpressions ?? []).flatMap((r, i) =>
    validateNodeLabelRequirement(r, `${path}.matchExpressions[${i}]`, checksValues),
  );
  const fields = (term.matchFields ?? []).flatMap((r, i) =>
    validateNodeFieldRequirement(r, `${path}.matchFields[${i}]`),
  );
  return [...labels, ...fields];
}

function validateNodeLabelRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
  checksValues: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) errors.push(required(`${path}.values`, inNeedsValuesText));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) errors.push(forbidden(`${path}.values`, existsForbidsValuesText));
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      }
      break;
    default:
      errors.push(invalid(`${path}.operator`, operator, unknownOperatorText));
  }
  append(errors, validateQualifiedName(key, `${path}.key`));
  if (!checksValues) return errors;
  return [...errors, ...values.flatMap((value, i) => validateWith(checkLabelValue, value, `${path}.values[${i}]`))];
}

function validateNodeFieldRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string) {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalid(`${path}.operator`, operator, unknownOperatorText));
  else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${path}.values`, detail));
  }
  if (key !== 'metadata.name') return [...errors, invalid(`${path}.key`, key, 'not a valid field selector key')];
  for (const [i, value] of values.entries()) {
    append(errors, validateWith(checkDNS1123Subdomain, value, `${path}.values[${i}]`));
  }
  return errors;
}

function validatePodAffinity(affinity: PodAffinity, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, term] of (affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    append(errors, validatePodAffinityTerm(term, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`));
  }
  for (const [i, weighted] of (affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const at = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    append(errors, validateWeight(weighted.weight, `${at}.weight`));
    append(errors, validatePodAffinityTerm(weighted.podAffinityTerm, `${at}.podAffinityTerm`));
  }
  return errors;
}

function validatePodAffinityTerm(term: PodAffinityTerm, path: string): FieldError[] {
  const errors = validateLabelSelector(term.labelSelector, `${path}.labelSelector`);
  append(errors, validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`));
  for (const name of term.namespaces ?? []) append(errors, validateWith(checkDNS1123Label, name, `${path}.namespace`));
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [], topologyKey } = term;
  append(errors, validateLabelKeys(matchLabelKeys, labelSelector, `${path}.matchLabelKeys`));
  append(errors, validateLabelKeys(mismatchLabelKeys, labelSelector, `${path}.mismatchLabelKeys`));
  const seen = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  const position = new Map(matchLabelKeys.map((key, i) => [key, i]));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    // What the server merged in is there once.
    const at = `${path}[${position.get(key)}]`;
    if (position.has(key) && seen.has(key)) {
      errors.push(invalid(at, key, 'exists in both matchLabelKeys and labelSelector'));
    }
    seen.add(key);
  }
  const mismatched = new Set(mismatchLabelKeys);
  for (const [i, key] of matchLabelKeys.entries()) {
    if (!mismatched.has(key)) continue;
    errors.push(invalid(`${path}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
  }
  return [...errors, ...validateTopologyKey(topologyKey, `${path}.topologyKey`)];
}

export function validateTopologyKey(key: string, path: string): FieldError[] {
  return [...(key ? [] : [required(path, 'can not be empty')]), ...validateQualifiedName(key, path)];
}

function validateLabelKeys(keys: readonly string[], selector: unknown, path: string): FieldError[] {
  if (keys.length > 0 && !selector) return [forbidden(path, 'must not be specified when labelSelector is not set')];
  return keys.flatMap((key, i) => validateQualifiedName(key, `${path}[${i}]`));
}

function validateSpreadKeys({ matchLabelKeys = [], labelSelector }: TopologySpreadConstraint, path: string) {
  const errors: FieldError[] =
    matchLabelKeys.length > 0 && !labelSelector
      ? [forbidden(path, 'must not be specified when labelSelector is not set')]
      : [];
  const { matchLabels, matchExpressions = [] } = labelSelector ?? {};
  const selected = new Set([...Object.keys(matchLabels ?? {}), ...matchExpressions.map(({ key }) => key)]);
  for (const [i, key] of matchLabelKeys.entries()) {
    const at = `${path}[${i}]`;
    append(errors, validateQualifiedName(key, at));
    if (selected.has(key)) errors.push(invalid(at, key, 'exists in both matchLabelKeys and labelSelector'));
  }
  return errors;
}

export function validateTopologySpread(constraints: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  const pairOf = (c: TopologySpreadConstraint) => `{${c.topologyKey}, ${c.whenUnsatisfiable ?? ''}}`;
  const last = new Map(constraints.map((constraint, i) => [pairOf(constraint), i]));
  return constraints.flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    const { maxSkew, minDomains, topologyKey, whenUnsatisfiable = '' } = constraint;
    if (maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (!topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    const policies = ['DoNotSchedule', 'ScheduleAnyway'];
    append(errors, validateOptionalWord(whenUnsatisfiable, policies, `${at}.whenUnsatisfiable`));
    // Every one but the last is told of.
    const pair = pairOf(constraint);
    if (last.get(pair)! > i) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    if (minDomains !== undefined && minDomains <= 0) {
      errors.push(invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
    }
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(invalid(`${at}.minDomains`, minDomains, detail));
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      append(errors, validateOptionalWord(constraint[field], ['Honor', 'Ignore'], `${at}.${field}`));
    }
    append(errors, validateSpreadKeys(constraint, `${at}.matchLabelKeys`));
    append(errors, validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`));
    return errors;
  });
}

export function validateSchedulingGates(gates: readonly PodSchedulingGate[], path: string): FieldError[] {
  const seen = new Set<string>();
  return gates.flatMap(({ name }, i) => {
    const errors = validateQualifiedName(name, `${path}[${i}]`);
    if (seen.has(name)) errors.push(duplicate(`${path}[${i}]`, name));
    seen.add(name);
    return errors;
  });
}

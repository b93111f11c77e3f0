// Validation of nodes. Upstream: ValidateNode in pkg/apis/core/validation.
import { duplicate, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { checkLabelValue } from '../../../machinery/name-rules.ts';
import { ipFamilyOf, validateCIDR } from '../../meta/addresses.ts';
import { validateQualifiedName, validateWith } from '../../meta/checks.ts';
import type { Node, Taint } from '../node.ts';
import { validateResourceAmount } from '../pod/resource-validation.ts';
import { validateTaintEffect } from '../pod/scheduling-validation.ts';

export function validateNode({ spec, status }: Node): FieldError[] {
  return [
    ...validateTaints(spec.taints ?? [], 'spec.taints'),
    ...validatePodCIDRs(spec.podCIDRs ?? [], 'spec.podCIDRs'),
    ...(['capacity', 'allocatable'] as const).flatMap((list) =>
      Object.entries(status?.[list] ?? {}).flatMap(([name, amount]) =>
        validateResourceAmount(name, amount, `status.${list}[${name}]`),
      ),
    ),
  ];
}

function validateTaints(taints: readonly Taint[], path: string): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap(({ key, value, effect }, i) => {
    const at = `${path}[${i}]`;
    const errors = validateQualifiedName(key, `${at}.key`);
    if (value) errors.push(...validateWith(checkLabelValue, value, `${at}.value`));
    if (!effect) errors.push(required(`${at}.effect`));
    else errors.push(...validateTaintEffect(effect, `${at}.effect`));
    const id = `${key}:${effect}`;
    if (seen.has(id)) errors.push({ ...duplicate(at, { key, value, effect }) });
    seen.add(id);
    return errors;
  });
}

function validatePodCIDRs(ranges: readonly string[], path: string): FieldError[] {
  const errors = ranges.flatMap((range, i) => validateCIDR(range, `${path}[${i}]`));
  if (ranges.length < 2 || errors.length > 0) return errors;
  const families = new Set(ranges.map((range) => ipFamilyOf(range.split('/')[0]!)));
  if (ranges.length > 2 || families.size < 2) {
    errors.push(invalid(path, ranges, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

/** Addresses and provider are set once. */
export function validateNodeUpdate(next: Node, old: Node): FieldError[] {
  const errors: FieldError[] = [];
  if (old.spec.podCIDRs?.length && !jsonEqual(next.spec.podCIDRs, old.spec.podCIDRs)) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    errors.push(forbidden('spec.podCIDRs', detail));
  }
  if (old.spec.providerID && next.spec.providerID !== old.spec.providerID) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.push(forbidden('spec.providerID', detail));
  }
  return errors;
}

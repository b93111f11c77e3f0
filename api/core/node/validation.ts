// Validation of nodes. Upstream: ValidateNode in pkg/apis/core/validation.
import { append, duplicate, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { checkLabelValue } from '../../../machinery/name-rules.ts';
import { ipFamilyOf, validateCIDR } from '../../meta/addresses.ts';
import { validateQualifiedName } from '../../meta/checks.ts';
import type { Node, Taint } from '../node.ts';
import { validateTaintEffect } from '../pod/scheduling-validation.ts';
import { showInternal } from '../pod/spec-diff.ts';
import { validateAmount } from '../resource-names.ts';
import { taint as taintSchema } from './taint.ts';

/** Upstream's path of taints is that of metadata. */
export function validateNode({ spec, status }: Node): FieldError[] {
  return [
    ...validateTaints(spec.taints ?? []),
    ...validatePodCIDRs(spec.podCIDRs ?? []),
    ...(['capacity', 'allocatable'] as const).flatMap((list) =>
      Object.entries(status?.[list] ?? {}).flatMap(([name, amount]) =>
        validateAmount(name, amount, `status.${list}.${name}`),
      ),
    ),
  ];
}

function validateTaints(taints: readonly Taint[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, i) => {
    const { key, value = '', effect } = taint;
    const at = `metadata.taints[${i}]`;
    const errors = validateQualifiedName(key, `${at}.key`);
    const complaints = checkLabelValue(value);
    if (complaints.length > 0) errors.push(invalid(`${at}.value`, value, complaints.join(';')));
    if (!effect) errors.push(required(`${at}.effect`));
    else append(errors, validateTaintEffect(effect, `${at}.effect`));
    const id = `${key}:${effect}`;
    const detail = 'taints must be unique by key and effect pair';
    if (seen.has(id)) errors.push(duplicate(at, showInternal(taintSchema, taint), detail));
    seen.add(id);
    return errors;
  });
}

function validatePodCIDRs(ranges: readonly string[]): FieldError[] {
  const errors = ranges.flatMap((range, i) => validateCIDR(range, `spec.podCIDRs[${i}]`));
  if (ranges.length < 2 || errors.length > 0) return errors;
  const families = new Set(ranges.map((range) => ipFamilyOf(range.split('/')[0]!)));
  if (ranges.length > 2 || families.size < 2) {
    errors.push(invalid('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family'));
  }
  const seen = new Set<string>();
  for (const [i, range] of ranges.entries()) {
    if (seen.has(range)) errors.push(duplicate(`spec.podCIDRs[${i}]`, range));
    seen.add(range);
  }
  return errors;
}

export function validateNodeStatus(next: Node, old: Node): FieldError[] {
  return [...validateNode(next), ...validateNodeUpdate(next, old)];
}

/** Ranges, provider and the id of old are set once; addresses are told once each. */
export function validateNodeUpdate(next: Node, old: Node): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { type, address }] of (next.status?.addresses ?? []).entries()) {
    const id = `${type}/${address}`;
    if (seen.has(id)) errors.push(duplicate(`status.addresses[${i}]`, { Type: type, Address: address }));
    seen.add(id);
  }
  const setOnce = (field: 'podCIDRs' | 'providerID', name: string) => {
    if (!old.spec[field]?.length || jsonEqual(next.spec[field], old.spec[field])) return;
    errors.push(forbidden(`spec.${field}`, `node updates may not change ${name} except from "" to valid`));
  };
  setOnce('podCIDRs', 'podCIDR');
  setOnce('providerID', 'providerID');
  if ((next.spec.externalID ?? '') !== (old.spec.externalID ?? '')) {
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  }
  return errors;
}

// ServiceCIDR: ranges that Services get their addresses from.
// https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/
import { type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { parseCIDR } from '../../machinery/ip.ts';
import { clientMetadata, column, defineKind } from '../../machinery/kind.ts';
import { condition, objectFields } from '../../machinery/metadata.ts';
import { atomic, mergedBy, s } from '../../machinery/schema.ts';
import { validateCanonicalCIDR } from '../meta/addresses.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { immutableText } from '../meta/validation.ts';

const serviceCIDRSpec = s.api('networking.v1.ServiceCIDRSpec', 'Ranges of addresses.', {
  cidrs: s.list(s.string(''), 'One range, or one of each family.', atomic),
});

const serviceCIDRStatus = s.api('networking.v1.ServiceCIDRStatus', 'State of the ranges.', {
  conditions: s.list(condition, 'Whether they are in use.', mergedBy('type')),
});

const schema = s.api('networking.v1.ServiceCIDR', 'Ranges that Services get their addresses from.', {
  ...objectFields,
  spec: s.field(serviceCIDRSpec, 'The ranges.', { always: true }),
  status: s.field(serviceCIDRStatus, 'Whether they are in use.', { always: true }),
});
export interface ServiceCIDR extends ObjectOf<typeof schema> {}

export const ServiceCIDRKind = defineKind<ServiceCIDR>({
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  scope: 'Cluster',
  served: [{ group: 'networking.k8s.io', version: 'v1', schema }],
  subresources: { status: true },
  statusKeeps: clientMetadata,
  columns: [column('CIDRs', 'string', 'The ranges.', ({ spec }) => (spec.cidrs ?? []).join(',')), ageColumn],
  validate: ({ spec }, old) => (old ? [] : validateCIDRs(spec.cidrs ?? [], 'spec.cidrs')),
  validateUpdate,
});

function validateCIDRs(cidrs: readonly string[], path: string): FieldError[] {
  if (cidrs.length === 0) return [required(path, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(path, { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, i) => validateCanonicalCIDR(cidr, `${path}[${i}]`));
  const families = cidrs.map((cidr) => parseCIDR(cidr)?.address.family);
  if (families.length === 2 && families[0] && families[0] === families[1]) {
    const text = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    errors.push(invalid(path, cidrs, text));
  }
  return errors;
}

/** Ranges stay; a range of the other family may be added to a single one. */
function validateUpdate(next: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const [is, was] = [next.spec.cidrs ?? [], old.spec.cidrs ?? []];
  const grows = was.length === 1 && is.length === 2;
  if (is.length !== was.length && !grows) return [invalid('spec.cidrs', is, immutableText)];
  const errors = was.flatMap((cidr, i) => (is[i] === cidr ? [] : [invalid(`spec.cidrs[${i}]`, is[i], immutableText)]));
  return grows ? [...errors, ...validateCIDRs(is, 'spec.cidrs')] : errors;
}

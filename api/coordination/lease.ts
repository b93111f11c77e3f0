// Lease: a lock or heartbeat with an expiry.
// Kubelets tell by a lease that their node lives; others elect leaders by them.
// https://kubernetes.io/docs/concepts/architecture/leases/
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';

/** Where every node keeps a lease under its own name. */
export const nodeLeaseNamespace = 'kube-node-lease';

const leaseSpec = s.api('coordination.v1.LeaseSpec', 'Who holds a lease, and until when.', {
  acquireTime: s.microTime('When the holder got it.'),
  holderIdentity: s.string('Who holds it.', { pointer: true }),
  leaseDurationSeconds: s.int32('Seconds after renewTime for which it is held.', { pointer: true }),
  leaseTransitions: s.int32('How often the holder changed.', { pointer: true }),
  preferredHolder: s.string('Who should hold it next.', { pointer: true }),
  renewTime: s.microTime('When the holder last renewed it.'),
  strategy: s.string('How the next holder is chosen.', { pointer: true }),
});
export interface LeaseSpec extends TypeOf<typeof leaseSpec> {}

const schema = s.api('coordination.v1.Lease', 'A lock or heartbeat with an expiry.', {
  ...objectFields,
  spec: s.field(leaseSpec, 'Who holds the lease, and until when.', { always: true }),
});
export interface Lease extends ObjectOf<typeof schema> {}

export const LeaseKind = defineKind<Lease>({
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
  demandsVersion: true,
  served: [{ group: 'coordination.k8s.io', version: 'v1', schema }],
  allowCreateOnUpdate: true,
  columns: [column('Holder', 'string', 'Who holds it.', (lease) => lease.spec.holderIdentity ?? ''), ageColumn],
  validate,
});

function validate({ spec }: Lease): FieldError[] {
  const errors: FieldError[] = [];
  const { leaseDurationSeconds, leaseTransitions, preferredHolder, strategy } = spec;
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    errors.push(invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0'));
  }
  if (preferredHolder && !strategy) {
    const detail = 'may only be specified if `strategy` is defined';
    errors.push(invalid('spec.preferredHolder', preferredHolder, detail));
  }
  return errors;
}

// IPAddress: an address that is given away, by its name, and to whom. Two of one name cannot be, so it is the lock
// by which API servers keep an address from being given away twice.
// https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
import { append, type FieldError, required } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { validateDNSSubdomain, validateWith } from '../meta/checks.ts';
import { orNone } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { checkPathSegment, validateImmutable } from '../meta/validation.ts';

export const parentReference = s.api('networking.v1.ParentReference', 'Who has an address.', {
  group: s.string('API group; empty for the core group.'),
  name: s.string('Name of the object.', { required: true }),
  namespace: s.string('Namespace of the object.'),
  resource: s.string('Resource of the object, in the plural.', { required: true }),
});
export interface ParentReference extends TypeOf<typeof parentReference> {}

const ipAddressSpec = s.api('networking.v1.IPAddressSpec', 'Who has an address.', {
  parentRef: s.field(parentReference, 'The object that has it.', { required: true }),
});

const schema = s.api('networking.v1.IPAddress', 'An address that is given away.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata; the name is the address.', { always: true }),
  spec: s.field(ipAddressSpec, 'Who has it.', mandatory),
});
export interface IPAddress extends ObjectOf<typeof schema> {}

export const IPAddressKind = defineKind<IPAddress>({
  kind: 'IPAddress',
  plural: 'ipaddresses',
  scope: 'Cluster',
  shortNames: ['ip'],
  served: [{ group: 'networking.k8s.io', version: 'v1', schema }],
  nameRule: 'ip',
  columns: [column('ParentRef', 'string', 'The object that has the address.', showParent)],
  validate: ({ spec }) => validateParent(spec.parentRef),
  validateUpdate: (next, old) => validateImmutable(next.spec.parentRef, old.spec.parentRef, 'spec.parentRef'),
});

/** `services/default/kubernetes` */
function showParent({ spec: { parentRef } }: IPAddress): string {
  if (!parentRef) return orNone('');
  const { group, resource, namespace, name } = parentRef;
  const kind = `${resource ?? ''}${group ? `.${group}` : ''}`.toLowerCase();
  return [kind, namespace, name ?? ''].filter((part) => part !== undefined).join('/');
}

function validateParent(parent: ParentReference | undefined): FieldError[] {
  if (!parent) return [required('spec.parentRef')];
  const errors = parent.group ? validateDNSSubdomain(parent.group, 'spec.parentRef.group') : [];
  for (const field of ['resource', 'name'] as const) {
    if (!parent[field]) errors.push(required(`spec.parentRef.${field}`));
    else append(errors, validateWith(checkPathSegment, parent[field], `spec.parentRef.${field}`));
  }
  if (parent.namespace) append(errors, validateWith(checkPathSegment, parent.namespace, 'spec.parentRef.namespace'));
  return errors;
}

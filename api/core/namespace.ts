// Namespace: a scope for names.
// Deletion empties it first: the `kubernetes` finalizer of its spec stands for its content.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
import { invalid } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { conditionFields, objectFields } from '../../machinery/metadata.ts';
import { atomic, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { validateQualifiedName } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateOwnFinalizer } from '../meta/validation.ts';

const condition = s.api('core.v1.NamespaceCondition', "One aspect of a namespace's deletion.", conditionFields);
export interface NamespaceCondition extends TypeOf<typeof condition> {}

const namespaceSpec = s.api('core.v1.NamespaceSpec', 'Desired state of a namespace.', {
  finalizers: s.list(s.string(''), 'Must be empty before the namespace may go.', atomic),
});

const namespaceStatus = s.api('core.v1.NamespaceStatus', 'Observed state of a namespace.', {
  conditions: s.list(condition, 'Progress and problems of its deletion.', mergedBy('type')),
  phase: s.string('Active or Terminating.', { default: 'Active', enum: ['Active', 'Terminating'] }),
});

const schema = s.api('core.v1.Namespace', 'A scope for names; most objects live in one.', {
  ...objectFields,
  spec: s.field(namespaceSpec, 'What the namespace should be.', { always: true }),
  status: s.field(namespaceStatus, 'Where the namespace stands.', { always: true }),
});
export interface Namespace extends ObjectOf<typeof schema> {}

export const NamespaceKind = defineKind<Namespace>({
  kind: 'Namespace',
  plural: 'namespaces',
  scope: 'Cluster',
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  served: [{ group: '', version: 'v1', schema, setDefaults: setNameLabel }],
  subresources: { status: true, custom: [{ name: 'finalize', verbs: ['update'] }] },
  nameRule: 'label',
  markDeleted: (namespace) => {
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
  holdsDeletion: (namespace) => (namespace.spec.finalizers?.length ?? 0) > 0,
  prepareForCreate: (namespace) => {
    setNameLabel(namespace);
    namespace.status = { phase: 'Active' };
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes('kubernetes')) namespace.spec.finalizers = [...finalizers, 'kubernetes'];
  },
  prepareForUpdate: (next, old) => {
    // Only /finalize changes the finalizers of the spec.
    if (old.spec.finalizers) next.spec.finalizers = old.spec.finalizers;
    else delete next.spec.finalizers;
    setNameLabel(next);
  },
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
  columns: [
    column('Status', 'string', 'Active or Terminating.', (namespace) => namespace.status?.phase ?? ''),
    ageColumn,
  ],
  validate: (namespace) =>
    (namespace.spec.finalizers ?? []).flatMap((name) => [
      ...validateQualifiedName(name, 'spec.finalizers'),
      ...validateOwnFinalizer(name, 'spec.finalizers'),
    ]),
  validateStatusUpdate: ({ metadata, status }) => {
    const [phase, is] = metadata.deletionTimestamp ? ['Terminating', 'not empty'] : ['Active', 'empty'];
    const detail = `may only be '${phase}' if \`deletionTimestamp\` is ${is}`;
    return status?.phase === phase ? [] : [invalid('status.Phase', status?.phase ?? '', detail)];
  },
});

/**
 * Selectors of namespaces can name one by this label. A namespace that waits for its generated name
 * gets it on creation.
 */
function setNameLabel(namespace: Namespace): void {
  const { name } = namespace.metadata;
  if (name) namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': name };
}

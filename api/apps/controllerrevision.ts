// ControllerRevision: a snapshot of a controller's template.
// Daemon sets keep their history in these; a revision's data never changes.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
import { required } from '../../machinery/field-error.ts';
import { column, defineKind, parseApiVersion } from '../../machinery/kind.ts';
import { controllerOf, objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import { ageColumn, orNone } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable, validateNonNegative } from '../meta/validation.ts';

const schema = s.api('apps.v1.ControllerRevision', "A snapshot of a controller's template.", {
  ...objectFields,
  data: s.any('io.k8s.apimachinery.pkg.runtime.RawExtension', 'The snapshot.'),
  revision: s.int64('Number of the revision.', mandatory),
});
export interface ControllerRevision extends ObjectOf<typeof schema> {}

export const ControllerRevisionKind = defineKind<ControllerRevision>({
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
  served: [{ group: 'apps', version: 'v1', schema }],
  columns: [
    column('Controller', 'string', 'The workload it is a snapshot of.', (revision) => orNone(showController(revision))),
    column('Revision', 'string', 'Number of the revision.', (revision) => revision.revision),
    ageColumn,
  ],
  validate: (revision) => [
    ...(revision.data === undefined ? [required('data', 'data is mandatory')] : []),
    ...validateNonNegative(revision.revision, 'revision'),
  ],
  validateUpdate: (next, old) => validateImmutable(next.data, old.data, 'data'),
});

function showController(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (!owner) return '';
  const { group } = parseApiVersion(owner.apiVersion);
  const kind = owner.kind.toLowerCase();
  return `${group ? `${kind}.${group}` : kind}/${owner.name}`;
}

// StatefulSet: pods with names, order and volumes of their own.
// https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
import { defineKind, replicasScale } from '../../machinery/kind.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import { warnOfClaim, warnOfTemplate } from '../core/pod/warnings.ts';
import { ageColumn, readyColumn, workloadColumns } from '../meta/columns.ts';
import { setStatefulSetDefaults } from './statefulset/defaults.ts';
import { type StatefulSet, statefulSetSchema } from './statefulset/schema.ts';
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './statefulset/validation.ts';

export const StatefulSetKind = defineKind<StatefulSet>({
  kind: 'StatefulSet',
  plural: 'statefulsets',
  scope: 'Namespaced',
  shortNames: ['sts'],
  categories: ['all'],
  // Its name is part of its pods' host names.
  nameRule: 'label',
  served: [{ group: 'apps', version: 'v1', schema: statefulSetSchema, setDefaults: setStatefulSetDefaults }],
  subresources: { status: true, scale: { ...replicasScale, selector: (o) => formatLabelSelector(o.spec.selector) } },
  hasGeneration: true,
  prepareForCreate: (set) => {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  columns: [readyColumn, ageColumn, ...workloadColumns.filter(({ name }) => name !== 'Selector')],
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  validateStatusUpdate: validateStatefulSetStatus,
  warnings: (set, old) => [
    ...warnOfTemplate('spec.template', { ofName: false })(set, old),
    ...(set.spec.volumeClaimTemplates ?? []).flatMap(({ spec }, i) =>
      warnOfClaim(spec, `spec.volumeClaimTemplates[${i}]${old ? '.Spec' : ''}`),
    ),
    ...((set.spec.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ],
});

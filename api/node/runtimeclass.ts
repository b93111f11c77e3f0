// RuntimeClass: a way of running containers that nodes offer, what it costs, and which nodes have it.
// https://kubernetes.io/docs/concepts/containers/runtime-class/

import { append, type FieldError } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s } from '../../machinery/schema.ts';
import { labelsOfOld, said } from '../core/node/labels-of-old.ts';
import { claimNamesOf, validateResources } from '../core/pod/resource-validation.ts';
import { toleration } from '../core/pod/scheduling.ts';
import { validateTolerations } from '../core/pod/scheduling-validation.ts';
import { validateDNSLabel } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable, validateLabels } from '../meta/validation.ts';

export const overhead = s.api('node.v1.Overhead', 'What running a pod costs beside its containers.', {
  podFixed: s.map(s.quantity(''), 'Resources that each pod needs.'),
});

export const scheduling = s.api('node.v1.Scheduling', 'Which nodes have it.', {
  nodeSelector: s.map(s.string(''), 'Labels of these nodes.', { mapType: 'atomic' }),
  tolerations: s.list(toleration, 'Their taints that the pods tolerate.', atomic),
});

const schema = s.api('node.v1.RuntimeClass', 'A way of running containers.', {
  ...objectFields,
  handler: s.string('What the runtime of the nodes calls it.', mandatory),
  overhead: s.field(overhead, 'What running a pod costs beside its containers.'),
  scheduling: s.field(scheduling, 'Which nodes have it; all when absent.'),
});
export interface RuntimeClass extends ObjectOf<typeof schema> {}

export const RuntimeClassKind = defineKind<RuntimeClass>({
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
  demandsVersion: true,
  served: [{ group: 'node.k8s.io', version: 'v1', schema }],
  allowCreateOnUpdate: true,
  columns: [column('Handler', 'string', 'What the runtime calls it.', (it) => it.handler), ageColumn],
  validate,
  warnings: ({ scheduling: nodes }) =>
    Object.keys(nodes?.nodeSelector ?? {}).flatMap((key) =>
      said(labelsOfOld, key, (text) => `scheduling.nodeSelector: ${text}`),
    ),
  validateUpdate: (next, old) => validateImmutable(next.handler, old.handler, 'handler'),
});

function validate({ handler, overhead: costs, scheduling: nodes }: RuntimeClass): FieldError[] {
  const errors = validateDNSLabel(handler, 'handler');
  if (costs) append(errors, validateResources({ limits: costs.podFixed }, claimNamesOf(), 'overhead'));
  if (nodes) {
    append(errors, validateLabels(nodes.nodeSelector, 'scheduling.nodeSelector'));
    append(errors, validateTolerations(nodes.tolerations ?? [], 'scheduling.tolerations'));
  }
  return errors;
}

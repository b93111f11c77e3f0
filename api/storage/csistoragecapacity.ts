// CSIStorageCapacity: how much room a driver has for volumes of one class in one part of the cluster.
// https://kubernetes.io/docs/concepts/storage/storage-capacity/

import { append, type FieldError, invalid } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { labelSelector, objectFields } from '../../machinery/metadata.ts';
import { isNegativeQuantity } from '../../machinery/quantity.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import { labelsOfOld, said, warnOfExpressions } from '../core/node/labels-of-old.ts';
import { validateDNSSubdomain, validateImmutableSelector, validateLabelSelector } from '../meta/checks.ts';
import type { ObjectOf } from '../meta/object.ts';
import { negativeText, validateImmutable } from '../meta/validation.ts';

const schema = s.api('storage.v1.CSIStorageCapacity', 'Room for volumes of one class in one part of the cluster.', {
  ...objectFields,
  capacity: s.quantity('The room, as the driver reports it.'),
  maximumVolumeSize: s.quantity('The largest volume that can be made.'),
  nodeTopology: s.field(labelSelector, 'The nodes that reach this storage; none when absent.'),
  storageClassName: s.string('The class it is about.', mandatory),
});
export interface CSIStorageCapacity extends ObjectOf<typeof schema> {}

export const CSIStorageCapacityKind = defineKind<CSIStorageCapacity>({
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  scope: 'Namespaced',
  demandsVersion: true,
  served: [{ group: 'storage.k8s.io', version: 'v1', schema }],
  validate,
  warnings: ({ nodeTopology }) => [
    ...warnOfExpressions(nodeTopology, 'nodeTopology'),
    ...Object.keys(nodeTopology?.matchLabels ?? {}).flatMap((key) =>
      said(labelsOfOld, key, (text) => `nodeTopology.matchLabels.${key}: ${text}`),
    ),
  ],
  validateUpdate: (next, old) => [
    ...validateImmutableSelector(next.nodeTopology, old.nodeTopology, 'nodeTopology'),
    ...validateImmutable(next.storageClassName, old.storageClassName, 'storageClassName'),
  ],
});

function validate(it: CSIStorageCapacity): FieldError[] {
  const errors = validateLabelSelector(it.nodeTopology, 'nodeTopology');
  append(errors, validateDNSSubdomain(it.storageClassName, 'storageClassName'));
  if (isNegativeQuantity(it.capacity)) errors.push(invalid('capacity', it.capacity, negativeText));
  return errors;
}

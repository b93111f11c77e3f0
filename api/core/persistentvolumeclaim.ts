// PersistentVolumeClaim: a request for a volume, which it holds once it is bound.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { defineKind } from '../../machinery/kind.ts';
import { warnOfClassAnnotation } from './persistentvolume/warnings.ts';
import { claimColumns } from './persistentvolumeclaim/columns.ts';
import { prepareClaim, prepareClaimUpdate } from './persistentvolumeclaim/prepare.ts';
import { type PersistentVolumeClaim, persistentVolumeClaimSchema } from './persistentvolumeclaim/schema.ts';
import { validateClaim, validateClaimStatus, validateClaimUpdate } from './persistentvolumeclaim/validation.ts';
import { warnOfClaim } from './pod/warnings.ts';

export const PersistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  scope: 'Namespaced',
  shortNames: ['pvc'],
  served: [{ group: '', version: 'v1', schema: persistentVolumeClaimSchema }],
  subresources: { status: true },
  returnsDeletedObject: true,
  prepareForCreate: prepareClaim,
  prepareForUpdate: prepareClaimUpdate,
  columns: claimColumns,
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatus,
  warnings: (claim) => [...warnOfClassAnnotation(claim), ...warnOfClaim(claim.spec, 'spec')],
});

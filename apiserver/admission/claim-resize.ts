// A claim grows only where its volume was made for it by a storage class that can make it grow.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { betaStorageClassAnnotation } from '../../api/core/persistentvolumeclaim/validation.ts';
import { StorageClassKind } from '../../api/storage/storageclass.ts';
import { forbiddenError } from '../../machinery/errors.ts';
import { compareQuantities } from '../../machinery/quantity.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { type AdmissionPlugin, requestsFor } from './plugin.ts';

const sizeOf = ({ spec }: PersistentVolumeClaim) => spec.resources?.requests?.storage;
const classOf = ({ metadata, spec }: PersistentVolumeClaim) =>
  metadata.annotations?.[betaStorageClassAnnotation] ?? spec.storageClassName ?? '';

export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  handles: requestsFor('persistentvolumeclaims', ['UPDATE']),
  async validate({ kind, name, object, oldObject }, { store }) {
    const [next, old] = [object as PersistentVolumeClaim, oldObject as PersistentVolumeClaim];
    if (compareQuantities(sizeOf(next), sizeOf(old)) <= 0) return;
    const refuse = (why: string) => forbiddenError(groupResourceOf(kind), name, why);
    if (old.status?.phase !== 'Bound') throw refuse('Only bound persistent volume claims can be expanded');
    const className = classOf(next);
    const found =
      className !== '' && className === classOf(old) ? await store.find(StorageClassKind, '', className) : undefined;
    if (found?.object.allowVolumeExpansion === true) return;
    throw refuse(
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    );
  },
};

// A claim grows only where its volume was made for it by a storage class that can make it grow.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
import { storageClassOf } from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { StorageClassKind } from '../../api/storage/storageclass.ts';
import { compareQuantities } from '../../machinery/quantity.ts';
import { type AdmissionPlugin, refusal, requestsFor } from './plugin.ts';

const sizeOf = ({ spec }: PersistentVolumeClaim) => spec.resources?.requests?.storage;

export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  handles: requestsFor('persistentvolumeclaims', ['UPDATE']),
  async validate(request, { store }) {
    const [next, old] = [request.object as PersistentVolumeClaim, request.oldObject as PersistentVolumeClaim];
    if (compareQuantities(sizeOf(next), sizeOf(old)) <= 0) return;
    if (old.status?.phase !== 'Bound') throw refusal(request, 'Only bound persistent volume claims can be expanded');
    const className = storageClassOf(next);
    const found =
      className !== '' && className === storageClassOf(old)
        ? await store.find(StorageClassKind, '', className)
        : undefined;
    if (found?.object.allowVolumeExpansion === true) return;
    const why =
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
    throw refusal(request, why);
  },
};

// Gives a claim that names no storage class the cluster's default one, if there is one.
// https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
import { betaStorageClassAnnotation } from '../../api/core/persistentvolumeclaim/validation.ts';
import { pickDefaultClass, type StorageClass, StorageClassKind } from '../../api/storage/storageclass.ts';
import { type AdmissionPlugin, requestsFor } from './plugin.ts';

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  handles: requestsFor('persistentvolumeclaims', ['CREATE']),
  async mutate({ object }, { store }) {
    const { spec, metadata } = object!;
    // An empty name asks for volumes without a class.
    if (spec.storageClassName !== undefined || metadata.annotations?.[betaStorageClassAnnotation] !== undefined) return;
    const found = pickDefaultClass((await store.listSeen(StorageClassKind)) as StorageClass[]);
    if (found) spec.storageClassName = found.metadata.name;
  },
};

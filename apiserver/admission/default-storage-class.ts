// Gives a claim that names no storage class the cluster's default one, if there is one.
// https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
import { betaStorageClassAnnotation } from '../../api/core/persistentvolumeclaim/validation.ts';
import { type StorageClass, StorageClassKind } from '../../api/storage/storageclass.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { AdmissionPlugin } from './plugin.ts';

const marks = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

/** Of several the newest, then the first by name. */
async function findDefault(store: ObjectStore): Promise<StorageClass | undefined> {
  const all = (await store.listSeen(StorageClassKind)) as StorageClass[];
  const born = (it: StorageClass) => it.metadata.creationTimestamp ?? '';
  return all
    .filter(({ metadata }) => marks.some((mark) => metadata.annotations?.[mark] === 'true'))
    .sort((a, b) =>
      born(a) === born(b) ? (a.metadata.name! < b.metadata.name! ? -1 : 1) : born(a) < born(b) ? 1 : -1,
    )[0];
}

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  handles: ({ operation, kind, subresource }) =>
    operation === 'CREATE' && kind.plural === 'persistentvolumeclaims' && kind.group === '' && subresource === '',
  async mutate({ object }, { store }) {
    const { spec, metadata } = object!;
    // An empty name asks for volumes without a class.
    if (spec.storageClassName !== undefined || metadata.annotations?.[betaStorageClassAnnotation] !== undefined) return;
    const found = await findDefault(store);
    if (found) spec.storageClassName = found.metadata.name;
  },
};

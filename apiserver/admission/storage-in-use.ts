// Volumes, claims and attributes classes begin with a finalizer, which their controllers take away once nothing uses them any longer.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
import type { AdmissionPlugin } from './plugin.ts';

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumes: 'kubernetes.io/pv-protection',
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  volumeattributesclasses: 'kubernetes.io/vac-protection',
};
const groups = ['', 'storage.k8s.io'];

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: ({ operation, kind, subresource }) =>
    operation === 'CREATE' && groups.includes(kind.group) && !subresource && Object.hasOwn(finalizers, kind.plural),
  mutate({ kind, object }) {
    const { metadata } = object!;
    const finalizer = finalizers[kind.plural]!;
    if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};

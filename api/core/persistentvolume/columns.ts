// What `kubectl get pv` shows. Upstream: printPersistentVolume in pkg/printers/internalversion.
import type { Column } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';
import { showAccessModes, unsetText } from '../persistentvolumeclaim/columns.ts';
import { betaStorageClassAnnotation } from '../persistentvolumeclaim/validation.ts';
import type { PersistentVolume } from './schema.ts';

export const volumeColumns: readonly Column<PersistentVolume>[] = [
  { name: 'Capacity', type: 'string', doc: 'Its size.', cell: ({ spec }) => spec.capacity?.storage ?? '0' },
  {
    name: 'Access Modes',
    type: 'string',
    doc: 'How it can be mounted.',
    cell: ({ spec }) => showAccessModes(spec.accessModes),
  },
  {
    name: 'Reclaim Policy',
    type: 'string',
    doc: 'What happens when its claim is gone.',
    cell: ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
  },
  {
    name: 'Status',
    type: 'string',
    doc: 'Available, Bound, Released, Failed, Pending, or Terminating.',
    cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
  },
  {
    name: 'Claim',
    type: 'string',
    doc: 'The claim it is bound to, or kept for.',
    cell: ({ spec: { claimRef } }) => (claimRef ? `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}` : ''),
  },
  {
    name: 'StorageClass',
    type: 'string',
    doc: 'Storage class.',
    cell: ({ metadata, spec }) => metadata.annotations?.[betaStorageClassAnnotation] ?? spec.storageClassName ?? '',
  },
  {
    name: 'VolumeAttributesClass',
    type: 'string',
    doc: 'Volume attributes class.',
    cell: ({ spec }) => spec.volumeAttributesClassName ?? unsetText,
  },
  { name: 'Reason', type: 'string', doc: 'Why it is in its phase.', cell: ({ status }) => status?.reason ?? '' },
  ageColumn,
  {
    name: 'VolumeMode',
    type: 'string',
    priority: 1,
    doc: 'Filesystem or Block.',
    cell: ({ spec }) => spec.volumeMode ?? unsetText,
  },
];

// What `kubectl get pvc` shows. Upstream: printPersistentVolumeClaim in pkg/printers/internalversion.
import type { Column } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';
import type { PersistentVolumeClaim } from './schema.ts';
import { betaStorageClassAnnotation } from './validation.ts';

const shortModes: readonly [string, string][] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

/** `RWO,ROX`: always in this order. */
export function showAccessModes(modes: readonly string[] | undefined): string {
  return shortModes
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

export const unsetText = '<unset>';

export const claimColumns: readonly Column<PersistentVolumeClaim>[] = [
  {
    name: 'Status',
    type: 'string',
    doc: 'Pending, Bound, Lost, or Terminating.',
    cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
  },
  { name: 'Volume', type: 'string', doc: 'The bound volume.', cell: ({ spec }) => spec.volumeName ?? '' },
  {
    name: 'Capacity',
    type: 'string',
    doc: 'Size of the bound volume.',
    cell: ({ spec, status }) => (spec.volumeName ? (status?.capacity?.storage ?? '0') : ''),
  },
  {
    name: 'Access Modes',
    type: 'string',
    doc: 'How the bound volume may be mounted.',
    cell: ({ spec, status }) => (spec.volumeName ? showAccessModes(status?.accessModes) : ''),
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
  ageColumn,
  {
    name: 'VolumeMode',
    type: 'string',
    priority: 1,
    doc: 'Filesystem or Block.',
    cell: ({ spec }) => spec.volumeMode ?? unsetText,
  },
];

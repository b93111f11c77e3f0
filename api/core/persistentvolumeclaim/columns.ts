// What `kubectl get pvc` shows. Upstream: printPersistentVolumeClaim in pkg/printers/internalversion.
import { type Column, column, wideColumn } from '../../../machinery/kind.ts';
import type { ObjectMeta } from '../../../machinery/metadata.ts';
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

const unsetText = '<unset>';

/** What claims and volumes say of themselves alike. */
interface Storage {
  metadata: ObjectMeta;
  spec: { storageClassName?: string; volumeAttributesClassName?: string; volumeMode?: string };
}

export const storageClassColumn = column<Storage>(
  'StorageClass',
  'string',
  'Storage class.',
  ({ metadata, spec }) => metadata.annotations?.[betaStorageClassAnnotation] ?? spec.storageClassName ?? '',
);
export const attributesClassColumn = column<Storage>(
  'VolumeAttributesClass',
  'string',
  'Volume attributes class.',
  ({ spec }) => spec.volumeAttributesClassName ?? unsetText,
);
export const volumeModeColumn = wideColumn<Storage>(
  'VolumeMode',
  'string',
  'Filesystem or Block.',
  ({ spec }) => spec.volumeMode ?? unsetText,
);

export const claimColumns: readonly Column<PersistentVolumeClaim>[] = [
  column('Status', 'string', 'Pending, Bound, Lost, or Terminating.', ({ metadata, status }) =>
    metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
  ),
  column('Volume', 'string', 'The bound volume.', ({ spec }) => spec.volumeName ?? ''),
  column('Capacity', 'string', 'Size of the bound volume.', ({ spec, status }) =>
    spec.volumeName ? (status?.capacity?.storage ?? '0') : '',
  ),
  column('Access Modes', 'string', 'How the bound volume may be mounted.', ({ spec, status }) =>
    spec.volumeName ? showAccessModes(status?.accessModes) : '',
  ),
  storageClassColumn,
  attributesClassColumn,
  ageColumn,
  volumeModeColumn,
];

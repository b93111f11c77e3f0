// What `kubectl get pv` shows. Upstream: printPersistentVolume in pkg/printers/internalversion.
import { type Column, column, wideColumn } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';
import { showAccessModes, unsetText } from '../persistentvolumeclaim/columns.ts';
import { betaStorageClassAnnotation } from '../persistentvolumeclaim/validation.ts';
import type { PersistentVolume } from './schema.ts';

export const volumeColumns: readonly Column<PersistentVolume>[] = [
  column('Capacity', 'string', 'Its size.', ({ spec }) => spec.capacity?.storage ?? '0'),
  column('Access Modes', 'string', 'How it can be mounted.', ({ spec }) => showAccessModes(spec.accessModes)),
  column(
    'Reclaim Policy',
    'string',
    'What happens when its claim is gone.',
    ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
  ),
  column('Status', 'string', 'Available, Bound, Released, Failed, Pending, or Terminating.', ({ metadata, status }) =>
    metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
  ),
  column('Claim', 'string', 'The claim it is bound to, or kept for.', ({ spec: { claimRef } }) =>
    claimRef ? `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}` : '',
  ),
  column(
    'StorageClass',
    'string',
    'Storage class.',
    ({ metadata, spec }) => metadata.annotations?.[betaStorageClassAnnotation] ?? spec.storageClassName ?? '',
  ),
  column(
    'VolumeAttributesClass',
    'string',
    'Volume attributes class.',
    ({ spec }) => spec.volumeAttributesClassName ?? unsetText,
  ),
  column('Reason', 'string', 'Why it is in its phase.', ({ status }) => status?.reason ?? ''),
  ageColumn,
  wideColumn('VolumeMode', 'string', 'Filesystem or Block.', ({ spec }) => spec.volumeMode ?? unsetText),
];

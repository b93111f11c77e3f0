// What `kubectl get pv` shows. Upstream: printPersistentVolume in pkg/printers/internalversion.
import { type Column, column } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';
import {
  attributesClassColumn,
  showAccessModes,
  storageClassColumn,
  volumeModeColumn,
} from '../persistentvolumeclaim/columns.ts';
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
  storageClassColumn,
  attributesClassColumn,
  column('Reason', 'string', 'Why it is in its phase.', ({ status }) => status?.reason ?? ''),
  ageColumn,
  volumeModeColumn,
];

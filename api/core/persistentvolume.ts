// PersistentVolume: a piece of storage of the cluster, with a life of its own.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { defineKind } from '../../machinery/kind.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { volumeColumns } from './persistentvolume/columns.ts';
import { type PersistentVolume, persistentVolumeSchema } from './persistentvolume/schema.ts';
import { validateVolume, validateVolumeUpdate } from './persistentvolume/validation.ts';
import { warnOfVolume } from './persistentvolume/warnings.ts';

export const PersistentVolumeKind = defineKind<PersistentVolume>({
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  scope: 'Cluster',
  shortNames: ['pv'],
  served: [{ group: '', version: 'v1', schema: persistentVolumeSchema }],
  subresources: { status: true },
  returnsDeletedObject: true,
  prepareForCreate: (volume, { nowMs }) => {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp(nowMs) };
  },
  prepareForStatusUpdate: ({ status }, old, { nowMs }) => {
    if (!status || status.phase === old.status?.phase) return;
    // Whoever writes the phase may say since when.
    if (status.lastPhaseTransitionTime === old.status?.lastPhaseTransitionTime) delete status.lastPhaseTransitionTime;
    status.lastPhaseTransitionTime ??= timestamp(nowMs);
  },
  columns: volumeColumns,
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  warnings: warnOfVolume,
});

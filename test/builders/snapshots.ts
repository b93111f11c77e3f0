// Snapshots in an API server in memory: their kinds are served as if somebody had defined them.
import {
  VolumeSnapshotClassKind,
  VolumeSnapshotContentKind,
  VolumeSnapshotKind,
} from '../../api/snapshot/volume-snapshots.ts';
import { createValidator } from '../../apiserver/crd/validation.ts';
import { keyPrefixOf } from '../../apiserver/storage/stored-object.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { MemoryApi } from './memory-api.ts';

const group = '/apis/snapshot.storage.k8s.io/v1';
export const snapshotsPath = `${group}/namespaces/default/volumesnapshots`;
export const contentsPath = `${group}/volumesnapshotcontents`;
export const snapshotClassesPath = `${group}/volumesnapshotclasses`;

export async function serveSnapshots(api: MemoryApi): Promise<void> {
  const kinds = [VolumeSnapshotKind, VolumeSnapshotContentKind, VolumeSnapshotClassKind];
  for (const kind of kinds) await api.context.store.cache.join(keyPrefixOf(kind));
  api.kinds.exchange([], kinds);
}

/** What a definition with this schema refuses an object for. */
export function refusalsBy(schema: object) {
  const validate = createValidator(schema);
  return (object: KubeObject, old?: KubeObject) => validate(object, old).map(({ detail }) => detail);
}

// What a pod may take up on the node's disk, and whether it has taken more. Pure. Upstream:
// localStorageEviction in eviction_manager.go.
// https://kubernetes.io/docs/concepts/storage/ephemeral-storage/#resource-emphemeralstorage-consumption
import { podLimits } from '../../api/core/pod/resource-totals.ts';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { Pod } from '../../api/core/pod.ts';
import { canonicalQuantity, quantityValue } from '../../machinery/quantity.ts';
import { containersOf } from '../pods/pod-text.ts';

const ephemeral = 'ephemeral-storage';

/** In bytes. */
export interface StorageUse {
  /** Of each emptyDir on disk, by the volume's name. */
  volumes: ReadonlyMap<string, number>;
  /** Of each container its logs and writable layer, by its name. */
  containers: ReadonlyMap<string, number>;
}

export interface StorageVerdict {
  signal: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit';
  message: string;
}

/** The volumes of a pod that fill the disk; those in memory cannot grow over their limit. */
export const diskVolumesOf = (pod: Pod): readonly Volume[] =>
  (pod.spec.volumes ?? []).filter((v) => v.emptyDir && v.emptyDir.medium !== 'Memory');

export const limitOfVolume = (volume: Volume) => quantityValue(volume.emptyDir?.sizeLimit);

/** The pod's limit as a whole, of the containers that have one; undefined without any. */
export const limitOfPod = (pod: Pod): string | undefined => podLimits(pod.spec)[ephemeral];

/** Why the pod has to go, if it has to. */
export function judgeStorage(pod: Pod, { volumes, containers }: StorageUse): StorageVerdict | undefined {
  for (const volume of diskVolumesOf(pod)) {
    const limit = limitOfVolume(volume);
    if (limit <= 0 || (volumes.get(volume.name) ?? 0) <= limit) continue;
    const message = `Usage of EmptyDir volume "${volume.name}" exceeds the limit "${show(volume.emptyDir?.sizeLimit)}". `;
    return { signal: 'emptydirfs.limit', message };
  }
  const podLimit = limitOfPod(pod);
  if (podLimit === undefined) return undefined;
  const total = [...volumes.values(), ...containers.values()].reduce((a, b) => a + b, 0);
  if (total > quantityValue(podLimit)) {
    const message = `Pod ephemeral local storage usage exceeds the total limit of containers ${show(podLimit)}. `;
    return { signal: 'ephemeralpodfs.limit', message };
  }
  for (const { name, resources } of containersOf(pod)) {
    const limit = resources?.limits?.[ephemeral];
    if (quantityValue(limit) <= 0 || (containers.get(name) ?? 0) <= quantityValue(limit)) continue;
    const message = `Container ${name} exceeded its local ephemeral storage limit "${show(limit)}". `;
    return { signal: 'ephemeralcontainerfs.limit', message };
  }
  return undefined;
}

const show = (quantity = '') => canonicalQuantity(quantity) ?? quantity;

// NodeVolumeLimits: a node takes no more volumes of a driver than that can attach there. Upstream: nodevolumelimits.
// https://kubernetes.io/docs/concepts/storage/storage-limits/#dynamic-volume-limits
import { storageClassOf } from '../../api/core/persistentvolume/binding.ts';
import type { Plugin } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { skip, success, unschedulable } from '../framework/status.ts';
import type { VolumeView } from '../framework/volume-view.ts';
import { concernsClaims } from './volume-events.ts';

const name = 'NodeVolumeLimits';
const limitReason = 'node(s) exceed max volume count';

interface State {
  volumes: VolumeView;
  /** Ids of the pod's volumes, by driver. */
  wanted: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Adds the volumes of CSI drivers behind a pod's claims; one that is yet to be made goes by the name of its claim. */
function addVolumes(to: Map<string, Set<string>>, { claims }: PodInfo, view: VolumeView): void {
  for (const { key } of claims) {
    const claim = view.claim(key);
    const csi = view.volume(claim?.spec.volumeName ?? '')?.spec.csi;
    const driver = csi?.driver ?? (claim && view.storageClass(storageClassOf(claim))?.provisioner);
    if (driver === undefined) continue;
    to.getOrInsertComputed(driver, () => new Set()).add(csi?.volumeHandle ?? `claim ${key}`);
  }
}

export const nodeVolumeLimits: Plugin = {
  name,
  mayHelp(event, pod) {
    if (pod.claims.length === 0) return false;
    const helpful = ['NodeAdded', 'CSINodeChanged', 'PodRemoved', 'VolumeAttachmentRemoved'];
    return helpful.includes(event.type) || concernsClaims(event, pod);
  },
  preFilter(state, pod, { volumes }) {
    if (pod.claims.length === 0) return skip;
    const wanted = new Map<string, Set<string>>();
    addVolumes(wanted, pod, volumes);
    if (wanted.size === 0) return skip;
    state.set(name, { volumes, wanted } satisfies State);
    return success;
  },
  filter(state, _pod, node) {
    const { volumes, wanted } = state.get(name) as State;
    const limits = (volumes.csiNode(node.name)?.spec.drivers ?? []).filter(
      (driver) => driver.allocatable?.count !== undefined && wanted.has(driver.name),
    );
    if (limits.length === 0) return success;
    const present = new Map<string, Set<string>>();
    for (const other of node.pods.values()) if (other.claims.length > 0) addVolumes(present, other, volumes);
    for (const { spec } of volumes.attachmentsOn(node.name)) {
      const handle = volumes.volume(spec.source.persistentVolumeName ?? '')?.spec.csi?.volumeHandle;
      if (handle !== undefined)
        present.get(spec.attacher)?.add(handle) ?? present.set(spec.attacher, new Set([handle]));
    }
    const isFull = limits.some(({ name: driver, allocatable }) => {
      const there = present.get(driver) ?? new Set<string>();
      const added = [...wanted.get(driver)!].filter((id) => !there.has(id)).length;
      return added > 0 && there.size + added > allocatable!.count!;
    });
    return isFull ? unschedulable(limitReason) : success;
  },
};

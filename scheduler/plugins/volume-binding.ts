// VolumeBinding: the pod goes where its volumes are, or where they can be. Claims that wait for their first pod are bound by it:
// to a volume that the node reaches, or to one that is made for that node. Upstream: volumebinding.
// https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode
import {
  boundVolume,
  isFullyBound,
  isReachable,
  selectedNode,
  storageClassOf,
  suitableVolumes,
} from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { ephemeralClaimMismatch } from '../../api/core/pod/ephemeral-claim.ts';
import type { StorageClass } from '../../api/storage/storageclass.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import { compareQuantities } from '../../machinery/quantity.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { Plugin } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { type Status, skip, success, unresolvable } from '../framework/status.ts';
import type { VolumePlan, VolumeView } from '../framework/volume-view.ts';
import { concernsClaims } from './volume-events.ts';

const name = 'VolumeBinding';
const bindReason = "node(s) didn't find available persistent volumes to bind";
const nodeReason = "node(s) didn't match PersistentVolume's node affinity";
const spaceReason = 'node(s) did not have enough free storage';
const missingReason = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
const immediateReason = 'pod has unbound immediate PersistentVolumeClaims';

/** Says that volumes of the class are made by nobody. */
const noProvisioner = 'kubernetes.io/no-provisioner';

/** A claim that waits for its first pod, with the volumes that it may have, whatever the node. */
interface Delayed {
  claim: PersistentVolumeClaim;
  storageClass: StorageClass;
  volumes: readonly PersistentVolume[];
}

interface State {
  view: VolumeView;
  /** Volumes of the claims that are bound; undefined where it is gone. */
  bound: readonly (PersistentVolume | undefined)[];
  delayed: readonly Delayed[];
  plans: Map<NodeInfo, VolumePlan>;
}

/** Why the pod cannot have the claim whatever the node. */
function findFault({ pod, claims }: PodInfo, view: VolumeView): string | undefined {
  for (const { key, name: claimName, isEphemeral } of claims) {
    const claim = view.claim(key);
    const of = `persistentvolumeclaim "${claimName}"`;
    if (!claim) {
      return isEphemeral ? `waiting for ephemeral volume controller to create the ${of}` : `${of} not found`;
    }
    if (claim.status?.phase === 'Lost') {
      return `${of} bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`;
    }
    if (claim.metadata.deletionTimestamp) return `${of} is being deleted`;
    const mismatch = isEphemeral ? ephemeralClaimMismatch(pod, claim) : undefined;
    if (mismatch) return mismatch;
  }
  return undefined;
}

const sizeOf = ({ claim }: Delayed) => claim.spec.resources?.requests?.storage;

function preFilter(state: Map<string, unknown>, pod: PodInfo, { volumes: view }: { volumes: VolumeView }): Status {
  if (pod.claims.length === 0) return skip;
  const fault = findFault(pod, view);
  if (fault) return unresolvable(fault);
  const bound: (PersistentVolume | undefined)[] = [];
  const delayed: Delayed[] = [];
  for (const { key } of pod.claims) {
    const claim = view.claim(key)!;
    if (isFullyBound(claim)) {
      bound.push(view.volume(claim.spec.volumeName!));
      continue;
    }
    const storageClass = view.storageClass(storageClassOf(claim));
    if (claim.spec.volumeName || storageClass?.volumeBindingMode !== 'WaitForFirstConsumer') {
      return unresolvable(immediateReason);
    }
    const { kept, available } = suitableVolumes(claim, view.volumesFor(claim));
    delayed.push({ claim, storageClass, volumes: kept ? [kept] : available });
  }
  // The smallest first, so that none takes a volume that only another one needs.
  delayed.sort((a, b) => compareQuantities(sizeOf(a), sizeOf(b)));
  state.set(name, { view, bound, delayed, plans: new Map() } satisfies State);
  return success;
}

function filter(state: Map<string, unknown>, _pod: PodInfo, info: NodeInfo): Status {
  const { view, bound, delayed, plans } = state.get(name) as State;
  const reasons: string[] = [];
  if (bound.some((volume) => volume && !isReachable(volume, info.node))) reasons.push(nodeReason);
  const plan = planVolumes(delayed, info, view);
  if (typeof plan === 'string') reasons.push(plan);
  if (bound.includes(undefined)) reasons.push(missingReason);
  if (reasons.length > 0) return unresolvable(...reasons);
  plans.set(info, plan as VolumePlan);
  return success;
}

/** What the claims get on the node, or why they get nothing there. */
function planVolumes(delayed: readonly Delayed[], info: NodeInfo, view: VolumeView): VolumePlan | string {
  const plan: VolumePlan = { bindings: [], provisions: [] };
  const taken = new Set<string | undefined>();
  for (const one of delayed) {
    const { claim } = one;
    const chosen = claim.metadata.annotations?.[selectedNode];
    if (chosen !== undefined && chosen !== info.name) return bindReason;
    const volume =
      chosen === undefined
        ? one.volumes.find((it) => !taken.has(it.metadata.name) && isReachable(it, info.node))
        : undefined;
    if (volume) {
      taken.add(volume.metadata.name);
      const changed = boundVolume(volume, claim);
      plan.bindings.push({ volume: changed ?? volume, claim, isNew: changed !== undefined });
      continue;
    }
    const why = findProvisioningFault(one, info, view);
    if (why) return why;
    plan.provisions.push({ claim: withNode(claim, info.name), isNew: chosen === undefined });
  }
  return plan;
}

const withNode = (claim: PersistentVolumeClaim, node: string): PersistentVolumeClaim => ({
  ...claim,
  metadata: { ...claim.metadata, annotations: { ...claim.metadata.annotations, [selectedNode]: node } },
});

function findProvisioningFault({ claim, storageClass }: Delayed, { node }: NodeInfo, view: VolumeView) {
  const { provisioner, allowedTopologies = [] } = storageClass;
  if (provisioner === noProvisioner) return bindReason;
  const labels = node.metadata.labels ?? {};
  const isAllowed = allowedTopologies.some(
    ({ matchLabelExpressions: all = [] }) =>
      all.length > 0 && all.every(({ key, values }) => Object.hasOwn(labels, key) && values.includes(labels[key]!)),
  );
  if (allowedTopologies.length > 0 && !isAllowed) return bindReason;
  const size = claim.spec.resources?.requests?.storage;
  if (size === undefined || !view.csiDriver(provisioner)?.spec.storageCapacity) return undefined;
  const hasRoom = view
    .capacitiesOf(storageClass.metadata.name ?? '')
    .some(({ nodeTopology, capacity, maximumVolumeSize }) => {
      const room = maximumVolumeSize ?? capacity;
      return room !== undefined && compareQuantities(room, size) >= 0 && matchesLabelSelector(nodeTopology, labels);
    });
  return hasRoom ? undefined : spaceReason;
}

/** What the cycle has planned for the node; undefined where there is nothing to do. */
function planOf(state: Map<string, unknown>, node: NodeInfo): VolumePlan | undefined {
  const plan = (state.get(name) as State | undefined)?.plans.get(node);
  return plan && plan.bindings.length + plan.provisions.length > 0 ? plan : undefined;
}

export const volumeBinding: Plugin = {
  name,
  mayHelp(event, pod) {
    const isRoom = event.type === 'CSIStorageCapacityChanged' || event.type === 'CSIDriverChanged';
    if (isRoom) return pod.claims.length > 0;
    return event.type === 'NodeAdded' || event.type === 'NodeUpdated' || concernsClaims(event, pod);
  },
  preFilter,
  filter,
  reserve(state, _pod, node, { volumes }) {
    const plan = planOf(state, node);
    if (plan) volumes.assume(plan);
  },
  unreserve(state, _pod, node, { volumes }) {
    const plan = planOf(state, node);
    if (plan) volumes.revert(plan);
  },
  preBind(state, pod, node, { volumes }) {
    const plan = planOf(state, node);
    return plan && volumes.bind(plan, pod, node);
  },
};

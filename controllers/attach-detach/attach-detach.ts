// Asks drivers to attach volumes to the nodes whose pods need them, and to detach them, by VolumeAttachment objects; and tells
// nodes what is attached. Only for CSI drivers that want it so. Upstream: pkg/controller/volume/attachdetach.
// https://kubernetes-csi.github.io/docs/csi-driver-object.html

import { type Node, NodeKind } from '../../api/core/node.ts';
import { claimKeyOf, isFullyBound } from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { podClaimKeys } from '../../api/core/pod/references.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { CSIDriverKind } from '../../api/storage/csidriver.ts';
import { type VolumeAttachment, VolumeAttachmentKind } from '../../api/storage/volumeattachment.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../../client/controller.ts';
import { deleteSeen } from '../../client/delete-seen.ts';
import { sayingOf } from '../../client/events.ts';
import { unlessThere } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { usesVolumes } from '../storage-protection.ts';
import { type AttachPlan, attachmentName, isOurs, planAttachments, type WantedVolume } from './plan.ts';

const managedAnnotation = 'volumes.kubernetes.io/controller-managed-attach-detach';
const byClaim = 'claim';
/** Of pods with claims, and of attachments. */
const byNode = 'node with claims';
const byVolume = 'volume';

function createDeps(context: ControllerContext) {
  const pods = context.informer(PodKind);
  pods.addIndex(byClaim, podClaimKeys);
  pods.addIndex(byNode, (pod) => (usesVolumes(pod) && podClaimKeys(pod).length > 0 ? [pod.spec.nodeName!] : []));
  const attachments = context.informer(VolumeAttachmentKind);
  attachments.addIndex(byNode, ({ spec }) => [spec.nodeName]);
  attachments.addIndex(byVolume, ({ spec }) => [spec.source.persistentVolumeName ?? '']);
  return {
    clock: context.clock,
    pods: pods.lister,
    attachments: attachments.lister,
    nodes: context.informer(NodeKind).lister,
    claims: context.informer(PersistentVolumeClaimKind).lister,
    volumes: context.informer(PersistentVolumeKind).lister,
    drivers: context.informer(CSIDriverKind).lister,
    attachmentClient: context.resource(VolumeAttachmentKind),
    nodeClient: context.resource(NodeKind),
    say: sayingOf(PodKind, context.recorder('attachdetach-controller')),
    /** Since when attachments are not wanted, by name. */
    unwanted: new Map<string, number>(),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** The volume behind a claim, if a driver must attach it. */
function attachableVolume(claimKey: string, { claims, volumes, drivers }: Deps): PersistentVolume | undefined {
  const claim = claims.get(claimKey);
  const volume = claim && isFullyBound(claim) ? volumes.get(claim.spec.volumeName!) : undefined;
  if (!volume?.spec.csi || volume.spec.claimRef?.uid !== claim?.metadata.uid) return undefined;
  return drivers.get(volume.spec.csi.driver)?.spec.attachRequired === false ? undefined : volume;
}

function wantedVolumes(nodeName: string, deps: Deps): WantedVolume[] {
  const wanted = new Map<string, { volume: PersistentVolume; pods: Pod[] }>();
  for (const pod of deps.pods.byIndex(byNode, nodeName)) {
    for (const key of podClaimKeys(pod)) {
      const volume = attachableVolume(key, deps);
      if (!volume) continue;
      const name = volume.metadata.name ?? '';
      wanted.getOrInsert(name, { volume, pods: [] }).pods.push(pod);
    }
  }
  return [...wanted.values()];
}

async function reconcile(node: Node, deps: Deps): Promise<ReconcileResult | undefined> {
  const { name = '', annotations } = node.metadata;
  if (annotations?.[managedAnnotation] !== 'true') return undefined;
  const attachments = deps.attachments.byIndex(byNode, name);
  const wanted = wantedVolumes(name, deps);
  const hasNothing = wanted.length + attachments.length === 0 && !node.status?.volumesAttached?.length;
  if (hasNothing) return undefined; // a heartbeat of a node without such volumes
  const nowMs = deps.clock.now();
  for (const { volume } of wanted) deps.unwanted.delete(attachmentName(volume, name));
  const plan = planAttachments({
    node,
    wanted,
    attachments,
    attachmentsOf: (volume) => deps.attachments.byIndex(byVolume, volume),
    usersOf: (volume) => deps.pods.byIndex(byClaim, claimKeyOf(volume) ?? '').filter(usesVolumes),
    findVolume: (volume) => deps.volumes.get(volume),
    unwantedSinceMs: (attachment) => deps.unwanted.getOrInsert(attachment, nowMs),
    nowMs,
  });
  await carryOut(node, plan, deps);
  return plan.againInMs === undefined ? undefined : { requeueAfterMs: plan.againInMs };
}

async function carryOut(node: Node, plan: AttachPlan, deps: Deps): Promise<void> {
  const { say, attachmentClient, nodeClient } = deps;
  const { volumesAttached } = plan;
  // Whoever mounts looks here first: what is about to be detached must not be there any longer.
  if (!jsonEqual(volumesAttached, node.status?.volumesAttached ?? [])) {
    await nodeClient.patch(node.metadata, { status: { volumesAttached } }, { type: 'merge', subresource: 'status' });
  }
  for (const { pods, type, reason, message } of plan.events) {
    for (const pod of pods) say(pod, type, reason, message);
  }
  await Promise.all(plan.create.map((it) => unlessThere(attachmentClient.create(it))));
  await detach(plan.delete, deps);
}

async function detach(attachments: readonly VolumeAttachment[], { attachmentClient, unwanted }: Deps): Promise<void> {
  for (const attachment of attachments) {
    await deleteSeen(attachmentClient, attachment);
    unwanted.delete(attachment.metadata.name ?? '');
  }
}

/** Nodes of the pods with a claim, and nodes that have its volume. */
function nodesOfClaim(claim: KubeObject | undefined, old: KubeObject | undefined, deps: Deps): string[] {
  const volume = (claim ?? old)!.spec.volumeName ?? '';
  const pods = deps.pods.byIndex(byClaim, keyOf((claim ?? old)!));
  return [...pods.flatMap(({ spec }) => spec.nodeName ?? []), ...nodesWith(volume, deps)];
}

const nodesWith = (volume: string, { attachments }: Deps) =>
  volume ? attachments.byIndex(byVolume, volume).map(({ spec }) => spec.nodeName) : [];

/** The node itself, and those that wait until it has let the volume go. */
function nodesOfAttachment(it: VolumeAttachment | undefined, old: VolumeAttachment | undefined, deps: Deps): string[] {
  const { nodeName, source } = (it ?? old)!.spec;
  if (it) return [nodeName];
  const volume = deps.volumes.get(source.persistentVolumeName ?? '');
  const waiting = volume ? deps.pods.byIndex(byClaim, claimKeyOf(volume) ?? '') : [];
  return [nodeName, ...waiting.flatMap(({ spec }) => spec.nodeName ?? [])];
}

export const attachDetachController = defineController({
  name: 'persistentvolume-attach-detach-controller',
  kind: NodeKind,
  related: [
    {
      kind: PodKind,
      keys: (pod: Pod | undefined, old: Pod | undefined) =>
        podClaimKeys((pod ?? old)!).length > 0 ? [pod, old].flatMap((it) => it?.spec.nodeName || []) : [],
    },
    { kind: VolumeAttachmentKind, keys: nodesOfAttachment },
    { kind: PersistentVolumeClaimKind, keys: nodesOfClaim },
    {
      kind: PersistentVolumeKind,
      keys: (volume, old, deps: Deps) => {
        const { metadata, spec } = (volume ?? old)!;
        const pods = spec.claimRef ? deps.pods.byIndex(byClaim, claimKeyOf((volume ?? old)!) ?? '') : [];
        return [...nodesWith(metadata.name ?? '', deps), ...pods.flatMap((pod) => pod.spec.nodeName ?? [])];
      },
    },
    { kind: CSIDriverKind, keys: (_new, _old, { nodes }: Deps) => nodes.list().map(keyOf) },
  ],
  deps: createDeps,
  reconcile,
  // A node that is gone has nothing mounted any more.
  forget: (key, deps) => {
    const left = deps.attachments.byIndex(byNode, key).filter((it) => isOurs(it) && !it.metadata.deletionTimestamp);
    return detach(left, deps);
  },
});

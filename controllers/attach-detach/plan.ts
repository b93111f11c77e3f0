// What to attach to a node and what to detach from it. Pure. Upstream: the reconciler of pkg/controller/volume/attachdetach.
import { createHash } from 'node:crypto';
import type { Node } from '../../api/core/node.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { VolumeAttachment } from '../../api/storage/volumeattachment.ts';

/** A volume that must be attached for pods of the node. */
export interface WantedVolume {
  volume: PersistentVolume;
  pods: readonly Pod[];
}

export interface NodeState {
  node: Node;
  wanted: readonly WantedVolume[];
  /** Attachments to this node. */
  attachments: readonly VolumeAttachment[];
  /** Attachments of a volume to any node. */
  attachmentsOf(volumeName: string): readonly VolumeAttachment[];
  /** Pods anywhere that may have the volume mounted. */
  usersOf(volume: PersistentVolume): readonly Pod[];
  findVolume(name: string): PersistentVolume | undefined;
  /** Since when an attachment is wanted no longer, by name; 0 for at once. */
  unwantedSinceMs(name: string): number;
  nowMs: number;
}

/** To be told to pods. */
interface AttachEvent {
  pods: readonly Pod[];
  type: 'Normal' | 'Warning';
  reason: 'SuccessfulAttachVolume' | 'FailedAttachVolume';
  message: string;
}

export interface AttachPlan {
  create: VolumeAttachment[];
  delete: VolumeAttachment[];
  /** For the node's status, which says it before anything is detached. */
  volumesAttached: { name: string; devicePath: string }[];
  events: AttachEvent[];
  /** Look again after so long: a node that does not answer may still have a volume mounted. */
  againInMs?: number;
}

/** Of a node that does not answer: so long volumes that it said were in use stay attached. */
const maxUnmountMs = 6 * 60_000;
const outOfService = 'node.kubernetes.io/out-of-service';

/** The name by which a node's status has a volume. */
export const uniqueName = ({ spec: { csi } }: PersistentVolume): string =>
  `kubernetes.io/csi/${csi!.driver}^${csi!.volumeHandle}`;

/** The attachment of a volume to a node is always called the same. */
export function attachmentName({ spec: { csi } }: PersistentVolume, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${csi!.volumeHandle}${csi!.driver}${nodeName}`).digest('hex')}`;
}

/** Whether the attachment was made here, and not by a user for an end of his own. */
export const isOurs = ({ metadata }: VolumeAttachment) => /^csi-[0-9a-f]{64}$/.test(metadata.name ?? '');

export function planAttachments(state: NodeState): AttachPlan {
  const { node, wanted, attachments } = state;
  const nodeName = node.metadata.name ?? '';
  const plan: AttachPlan = { create: [], delete: [], volumesAttached: [], events: [] };
  const listed = new Set(node.status?.volumesAttached?.map(({ name }) => name));
  const byName = new Map(attachments.map((it) => [it.metadata.name ?? '', it]));
  for (const one of wanted) {
    const name = attachmentName(one.volume, nodeName);
    const present = byName.get(name);
    byName.delete(name);
    if (!present) planCreate(plan, one, state);
    else if (!present.metadata.deletionTimestamp) keep(plan, one, present, listed);
  }
  for (const it of byName.values()) if (isOurs(it)) planDelete(plan, it, state);
  plan.volumesAttached.sort((a, b) => (a.name < b.name ? -1 : 1));
  return plan;
}

function keep(plan: AttachPlan, { volume, pods }: WantedVolume, it: VolumeAttachment, listed: Set<string>): void {
  const name = uniqueName(volume);
  const of = `for volume "${volume.metadata.name}" `;
  if (it.status?.attached) {
    plan.volumesAttached.push({ name, devicePath: '' });
    if (listed.has(name)) return;
    const message = `AttachVolume.Attach succeeded ${of}`;
    plan.events.push({ pods, type: 'Normal', reason: 'SuccessfulAttachVolume', message });
  } else if (it.status?.attachError) {
    const message = `AttachVolume.Attach failed ${of}: ${it.status.attachError.message ?? ''}`;
    plan.events.push({ pods, type: 'Warning', reason: 'FailedAttachVolume', message });
  }
}

function planCreate(plan: AttachPlan, { volume, pods }: WantedVolume, state: NodeState): void {
  const nodeName = state.node.metadata.name ?? '';
  const why = findConflict(volume, pods, state);
  if (why) {
    const message = `Multi-Attach error for volume "${volume.metadata.name}" ${why}`;
    plan.events.push({ pods, type: 'Warning', reason: 'FailedAttachVolume', message });
    return;
  }
  plan.create.push({
    metadata: { name: attachmentName(volume, nodeName) },
    spec: {
      attacher: volume.spec.csi!.driver,
      nodeName,
      source: { persistentVolumeName: volume.metadata.name ?? '' },
    },
  } as VolumeAttachment);
}

/** A volume for one node at a time is first detached from the other one. */
function findConflict(volume: PersistentVolume, pods: readonly Pod[], state: NodeState): string | undefined {
  const modes = volume.spec.accessModes ?? [];
  if (modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany')) return undefined;
  const nodeName = state.node.metadata.name;
  const others = state.attachmentsOf(volume.metadata.name ?? '').filter(({ spec }) => spec.nodeName !== nodeName);
  if (others.length === 0) return undefined;
  const nodes = others.map(({ spec }) => spec.nodeName);
  const users = state.usersOf(volume).filter(({ spec }) => nodes.includes(spec.nodeName ?? ''));
  if (users.length === 0) {
    return "Volume is already exclusively attached to one node and can't be attached to another";
  }
  const namespace = pods[0]?.metadata.namespace;
  const near = users.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
  if (near.length === users.length) return `Volume is already used by pod(s) ${near.join(', ')}`;
  return near.length === 0
    ? `Volume is already used by ${users.length} pod(s) in different namespaces`
    : `Volume is already used by pod(s) ${near.join(', ')} and ${users.length - near.length} pod(s) in different namespaces`;
}

function planDelete(plan: AttachPlan, it: VolumeAttachment, state: NodeState): void {
  if (it.metadata.deletionTimestamp) return;
  const volume = state.findVolume(it.spec.source.persistentVolumeName ?? '');
  const name = volume?.spec.csi && uniqueName(volume);
  const waitMs = name !== undefined && state.node.status?.volumesInUse?.includes(name) ? unmountWaitMs(it, state) : 0;
  if (waitMs <= 0) plan.delete.push(it);
  else {
    if (it.status?.attached) plan.volumesAttached.push({ name: name!, devicePath: '' });
    if (waitMs < Infinity) plan.againInMs = Math.min(waitMs, plan.againInMs ?? Infinity);
  }
}

/** How long the node is still believed that it has the volume mounted. */
function unmountWaitMs({ metadata }: VolumeAttachment, { node, unwantedSinceMs, nowMs }: NodeState): number {
  if (node.spec.taints?.some(({ key }) => key === outOfService)) return 0;
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  const isHealthy = ready?.status === 'True';
  return isHealthy ? Infinity : unwantedSinceMs(metadata.name ?? '') + maxUnmountMs - nowMs;
}

// Volumes of storage drivers in pods: claims on persistent ones, and ephemeral ones in the pod's own
// manifest. https://kubernetes.io/docs/concepts/storage/volumes/#csi Upstream: csi_attacher.go and
// csi_mounter.go in pkg/volume/csi.
import type { CSIDriver } from '../../api/storage/csidriver.ts';
import { VolumeAttachmentKind } from '../../api/storage/volumeattachment.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { KubeClient } from '../../client/rest.ts';
import { isNotFound } from '../../machinery/errors.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';
import { setGroup } from '../volumes/ownership.ts';
import {
  isBlock,
  NotYetError,
  StepError,
  specNameOf,
  type VolumeContext,
  type VolumePlugin,
} from '../volumes/plugin.ts';
import type { VolumeUse } from '../volumes/volume-use.ts';
import { accessModeOf, capabilityOf } from './access-modes.ts';
import { type CsiVolumes, type CsiWish, pluginFolder, stageStep } from './csi-volumes.ts';
import type { CsiDriver, CsiDrivers } from './drivers.ts';
import { expandOnNode } from './expansion.ts';
import { podAttributes, tokenAttributes } from './pod-attributes.ts';
import { readSecret, type SecretRef } from './secret-data.ts';
import { readVolumeData, sha256, targetOf, type VolumeData } from './volume-data.ts';

export interface CsiPluginDeps {
  client: KubeClient;
  events: EventRecorder;
  nodeName: string;
  drivers: CsiDrivers;
  volumes: CsiVolumes;
  tokens: ServiceAccountTokens;
  /** The object that says how a driver is used; there may be none. */
  driverObject(name: string): CSIDriver | undefined;
  /** Resolves when the node's status in the API says that the volume is in use. */
  reportUse(): Promise<void>;
}

/** How soon a driver that wants it is called again, and how often a volume's size is compared. */
const republishMs = 60_000;

/** What of a pod's or persistent volume's source is needed here. */
function sourceOf({ pod, volume, pv }: VolumeContext) {
  const csi = pv?.spec.csi;
  if (csi) {
    return { driver: csi.driver, handle: csi.volumeHandle, fsType: csi.fsType, attributes: csi.volumeAttributes ?? {} };
  }
  const { driver, fsType, volumeAttributes = {} } = volume.csi!;
  return { driver, handle: `csi-${sha256(`${pod.metadata.uid}${volume.name}`)}`, fsType, attributes: volumeAttributes };
}

export function createCsiPlugin(deps: CsiPluginDeps): VolumePlugin {
  return {
    name: pluginFolder,
    handles: ({ volume, pv }) => (pv ? pv.spec.csi : volume.csi) !== undefined,
    hasDevices: true,
    setUp: (context) => setUp(deps, context),
    tearDown: (diskDir) => deps.volumes.unpublish(diskDir),
    measure: (diskDir) => measureVolume(deps, diskDir),
  };
}

async function setUp(deps: CsiPluginDeps, context: VolumeContext): Promise<string> {
  const { diskDir, pv, pod, fsGroup } = context;
  const source = sourceOf(context);
  const object = deps.driverObject(source.driver);
  const mode = pv ? 'Persistent' : 'Ephemeral';
  checkLifecycle(source.driver, mode, object);
  const driver = findDriver(deps.drivers, source.driver, pv !== undefined);
  const attachmentID = `csi-${sha256(`${source.handle}${source.driver}${deps.nodeName}`)}`;
  const data: VolumeData = {
    specVolID: specNameOf(context),
    volumeHandle: source.handle,
    driverName: source.driver,
    nodeName: deps.nodeName,
    attachmentID,
    volumeLifecycleMode: mode,
    ...(isBlock(context) ? { volumeMode: 'Block' } : {}),
  };
  const path = targetOf(diskDir, data);
  const repeats = object?.spec.requiresRepublish === true;
  const wasPublished = deps.volumes.isPublished(diskDir);
  if (!wasPublished || repeats) {
    const needsAttachment = pv !== undefined && object?.spec.attachRequired !== false;
    if (needsAttachment) await deps.volumes.claim(diskDir, data);
    const publishContext = needsAttachment ? await waitForAttachment(deps, data) : {};
    const wish = await buildWish(deps, { context, source, driver, data, object, publishContext });
    await deps.volumes.publish(diskDir, driver, wish);
    if (!wasPublished && wantsGroup(context, driver, object)) {
      await setGroup(path, { group: fsGroup!, policy: pod.spec.securityContext?.fsGroupChangePolicy });
    }
  }
  const canExpand = pv !== undefined && driver.capabilities.has('EXPAND_VOLUME');
  if (canExpand) await expandOnNode(deps, { context, driver, data, path });
  if (repeats || canExpand) context.refreshAfter(republishMs);
  return path;
}

function findDriver(drivers: CsiDrivers, name: string, isPersistent: boolean): CsiDriver {
  if (!isPersistent) return drivers.get(name, 'mounter.SetUpAt failed to get CSI client');
  try {
    return drivers.get(name, 'attacher.MountDevice failed to create newCsiDriverClient');
  } catch (err) {
    throw new StepError(stageStep, err as Error);
  }
}

function checkLifecycle(name: string, mode: 'Persistent' | 'Ephemeral', object: CSIDriver | undefined): void {
  const supported = object?.spec.volumeLifecycleModes ?? ['Persistent'];
  if (supported.includes(mode)) return;
  const text = `volume mode "${mode}" not supported by driver ${name}`;
  throw new Error(object ? `${text} (only supports ${JSON.stringify(supported)})` : `${text} (no CSIDriver object)`);
}

/** Answers what the attachment has told of the volume. */
async function waitForAttachment(deps: CsiPluginDeps, data: VolumeData): Promise<Record<string, string>> {
  await deps.reportUse();
  const name = data.attachmentID ?? '';
  const attachment = await deps.client
    .resource(VolumeAttachmentKind)
    .get({ name })
    .catch((err) => {
      if (isNotFound(err)) throw new NotYetError(`volume attachment ${name} is not there yet`);
      throw err;
    });
  const { attached, attachError, attachmentMetadata = {} } = attachment.status ?? {};
  if (!attached) throw new NotYetError(attachError?.message ?? `volume attachment ${name} is being attached`);
  return attachmentMetadata;
}

interface WishInput {
  context: VolumeContext;
  source: ReturnType<typeof sourceOf>;
  driver: CsiDriver;
  data: VolumeData;
  object: CSIDriver | undefined;
  publishContext: Record<string, string>;
}

async function buildWish(deps: CsiPluginDeps, input: WishInput): Promise<CsiWish> {
  const { context, source, driver, data, object, publishContext } = input;
  const { pod, pv, volume, isReadOnly, fsGroup } = context;
  const tellsWriters = driver.capabilities.has('SINGLE_NODE_MULTI_WRITER');
  const mode = accessModeOf(pv?.spec.accessModes?.[0] ?? 'ReadWriteOnce', tellsWriters);
  const capability = capabilityOf(mode, {
    fsType: source.fsType,
    mountOptions: pv?.spec.mountOptions,
    volumeMode: pv?.spec.volumeMode,
    mountGroup: driver.capabilities.has('VOLUME_MOUNT_GROUP') ? fsGroup : undefined,
  });
  const tokens = await tokenAttributes(deps.tokens, pod, object, (atMs) =>
    context.refreshAfter(atMs - context.nowMs()),
  );
  const inSecrets = object?.spec.serviceAccountTokenInSecrets === true;
  const about = object?.spec.podInfoOnMount ? podAttributes(pod, data.volumeLifecycleMode === 'Ephemeral') : {};
  const secretOf = (ref: SecretRef | undefined) => readSecret(deps.client, ref, pod.metadata.namespace);
  return {
    data,
    capability,
    isReadOnly,
    context: { ...source.attributes, ...about, ...(inSecrets ? {} : tokens) },
    publishContext,
    stageSecrets: () => secretOf(pv?.spec.csi?.nodeStageSecretRef),
    publishSecrets: async () => ({
      ...(await secretOf(pv ? pv.spec.csi?.nodePublishSecretRef : volume.csi?.nodePublishSecretRef)),
      ...(inSecrets ? tokens : {}),
    }),
  };
}

/** Whether the kubelet gives what is in the volume to the pod's group, as the driver's policy says. */
function wantsGroup(context: VolumeContext, driver: CsiDriver, object: CSIDriver | undefined): boolean {
  const { pv, volume, fsGroup, isReadOnly } = context;
  if (fsGroup === undefined || isReadOnly || isBlock(context) || driver.capabilities.has('VOLUME_MOUNT_GROUP'))
    return false;
  const policy = object?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (policy !== 'ReadWriteOnceWithFSType') return policy === 'File';
  const hasType = !!(pv ? pv.spec.csi?.fsType : volume.csi?.fsType);
  return hasType && (pv === undefined || (pv.spec.accessModes ?? []).includes('ReadWriteOnce'));
}

/** A driver that hangs must not hold up who asks for all. */
const measureMs = 5_000;

async function measureVolume({ drivers, volumes }: CsiPluginDeps, diskDir: string): Promise<VolumeUse> {
  const data = await readVolumeData(diskDir);
  const driver = data && drivers.find(data.driverName);
  if (!driver?.capabilities.has('GET_VOLUME_STATS')) return {};
  const request = {
    volume_id: data!.volumeHandle,
    volume_path: targetOf(diskDir, data),
    staging_target_path: driver.capabilities.has('STAGE_UNSTAGE_VOLUME') ? volumes.stagePathOf(data!) : '',
  };
  const answer = await driver.client.node.NodeGetVolumeStats(request, { timeoutMs: measureMs });
  const use: VolumeUse = answer.volume_condition ? { isAbnormal: answer.volume_condition.abnormal } : {};
  for (const { unit, total, used, available } of answer.usage) {
    const [all, taken, free] = [Number(total), Number(used), Number(available)];
    if (unit === 'BYTES') Object.assign(use, { capacityBytes: all, usedBytes: taken, availableBytes: free });
    if (unit === 'INODES') Object.assign(use, { inodes: all, inodesUsed: taken, inodesFree: free });
  }
  return use;
}

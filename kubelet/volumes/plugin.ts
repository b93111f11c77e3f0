// What a kind of volume has to do. A plugin is one file; index.ts lists them.
import type { ConfigMap } from '../../api/core/configmap.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { ServiceAccountTokenProjection } from '../../api/core/pod/file-volumes.ts';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Secret } from '../../api/core/secret.ts';
import type { Mounts } from '../../host/mounts.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import type { VolumeUse } from './volume-use.ts';

/** A volume of a pod, with the persistent volume of its claim where it has one. */
export interface VolumeRef {
  volume: Volume;
  claim?: PersistentVolumeClaim | undefined;
  pv?: PersistentVolume | undefined;
}

/** Where the volume is: what the pod says, or what its persistent volume does. */
export const sourceOf = ({ volume, pv }: VolumeRef) => pv?.spec ?? volume;

/** Whether containers get it as a device: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#raw-block-volume-support */
export const isBlock = ({ pv }: VolumeRef) => pv?.spec.volumeMode === 'Block';

/** The name of the volume's folder, and in messages: the persistent volume's, or the one in the pod. */
export const specNameOf = ({ volume, pv }: VolumeRef) => pv?.metadata.name ?? volume.name;

/** Nothing is wrong: somebody else has to do their part first. Told only when it takes long. */
export class NotYetError extends Error {}

/** What failed is another step than setting the volume up for the pod; `step` begins the event's text. */
export class StepError extends Error {
  readonly step: string;

  constructor(step: string, cause: Error) {
    super(cause.message, { cause });
    this.step = step;
  }
}

/** What plugins get from the kubelet for one volume of one pod. */
export interface VolumeContext extends VolumeRef {
  pod: Pod;
  /** Whether the pod or the volume wants it for reading only. */
  isReadOnly: boolean;
  /** The volume's folder on disk; not made yet. */
  diskDir: string;
  /** Its folder in memory, for what must not reach a disk; not made yet. */
  memoryDir: string;
  /** Group that must be able to use the volume. */
  fsGroup: number | undefined;
  addresses: PodAddresses;
  allocatable: Readonly<Record<string, string>>;
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  token(wish: ServiceAccountTokenProjection): Promise<string>;
  mounts: Mounts;
  /** Has setUp called again after so long, for as long as the pod runs. */
  refreshAfter(ms: number): void;
  /** A time in a new folder's name. */
  nowMs(): number;
}

export interface VolumePlugin {
  /** The folder below `volumes/`, as upstream names it. */
  name: string;
  handles(ref: VolumeRef): boolean;
  /** Whether its content follows changes while the pod runs: setUp is then called again on every change. */
  isLive?: boolean;
  /** Whether it can also make volumes ready as devices, whose path is the answer of setUp then. */
  hasDevices?: boolean;
  /** Whether containers may only read it, whatever they ask for: its content is the API's. */
  isReadOnly?: boolean;
  /**
   * Makes the volume ready and answers its path on the node. Idempotent. Throws with a text for the
   * FailedMount event.
   */
  setUp(context: VolumeContext): Promise<string>;
  /**
   * For plugins whose volumes live longer than the pod: takes it away from the pod's folder, which
   * says all there is to know, so that this works in a kubelet that did not set it up. Idempotent.
   */
  tearDown?(diskDir: string): Promise<void>;
  /** How full it is, for volumes that the pod's use is counted of. */
  measure?(diskDir: string, path: string): Promise<VolumeUse>;
}

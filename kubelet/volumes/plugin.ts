// What a kind of volume has to do. A plugin is one file; index.ts lists them.
import type { ConfigMap } from '../../api/core/configmap.ts';
import type { ServiceAccountTokenProjection } from '../../api/core/pod/file-volumes.ts';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Secret } from '../../api/core/secret.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';

/** What plugins get from the kubelet for one volume of one pod. */
export interface VolumeContext {
  pod: Pod;
  volume: Volume;
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
  /** Mounts a tmpfs of its own, if none is mounted there yet. */
  mountTmpfs(dir: string, options: string): Promise<void>;
  /** A time in a new folder's name. */
  nowMs(): number;
}

export interface VolumePlugin {
  /** The folder below `volumes/`, as upstream names it. */
  name: string;
  handles(volume: Volume): boolean;
  /** Whether its content follows changes while the pod runs: setUp is then called again on every change. */
  isLive: boolean;
  /** Whether containers may only read it, whatever they ask for: its content is the API's. */
  isReadOnly: boolean;
  /**
   * Makes the volume ready and answers its path on the node. Idempotent. Throws with a text for the
   * FailedMount event.
   */
  setUp(context: VolumeContext): Promise<string>;
}

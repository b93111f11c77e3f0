// The volumes of storage drivers on this node: staged once, published for each pod, and undone in
// reverse, the last pod's end unstaging. What lies on disk (volume-data.ts) is the state, written
// before the driver is called, so that a kubelet that is killed anywhere goes on from there; all
// calls are repeatable, and those about one volume happen one after the other. Upstream:
// pkg/kubelet/volumemanager with pkg/volume/csi.
import { mkdir } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Mounts } from '../../host/mounts.ts';
import { KeyedLock } from '../../machinery/keyed-lock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { VolumeCapability } from '../../proto/csi.gen.ts';
import type { Init } from '../../proto/message.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import { StepError } from '../volumes/plugin.ts';
import type { CsiDriver, CsiDrivers } from './drivers.ts';
import {
  foldersBelow,
  readVolumeData,
  removeVolumeFolder,
  stageDirOf,
  targetOf,
  type VolumeData,
  writeVolumeData,
} from './volume-data.ts';

const stageFolder = 'globalmount';
/** How the event of a volume that could not be staged begins. */
export const stageStep = 'MountVolume.MountDevice failed';
export const pluginFolder = 'kubernetes.io~csi';

/** One volume as one pod wants it. */
export interface CsiWish {
  data: VolumeData;
  capability: Init<VolumeCapability>;
  isReadOnly: boolean;
  /** Settings of the volume, and of the pod where the driver wants to know it. */
  context: Record<string, string>;
  /** What the attachment told. */
  publishContext: Record<string, string>;
  stageSecrets(): Promise<Record<string, string>>;
  publishSecrets(): Promise<Record<string, string>>;
}

export interface CsiVolumesDeps {
  rootDir: string;
  drivers: CsiDrivers;
  mounts: Mounts;
  log: Logger;
  /** The volumes in use have changed. */
  onUse(): void;
}

export class CsiVolumes {
  readonly #deps: CsiVolumesDeps;
  readonly #lock = new KeyedLock();
  /** Folders of pods, by the folder where their volume is staged. Also of drivers that do not stage. */
  readonly #users = new Map<string, { data: VolumeData; dirs: Set<string> }>();
  /** Folders of pods whose volume is published by this process. */
  readonly #published = new Set<string>();

  constructor(deps: CsiVolumesDeps) {
    this.#deps = deps;
    deps.drivers.onRegistered((name) => void this.#unstageIdle(name));
  }

  /** Finds what earlier processes have mounted. Before anything else. */
  async recover(): Promise<void> {
    const { rootDir, log } = this.#deps;
    const folders = await foldersBelow(join(rootDir, 'pods'), 'volumes', pluginFolder);
    for (const dir of folders) {
      try {
        const data = await readVolumeData(dir);
        if (data) this.#use(dir, data);
      } catch (err) {
        log.warn({ err, dir }, 'a volume of an earlier process is not known');
      }
    }
  }

  /** Drivers and handles of the volumes that pods here use. */
  inUse(): VolumeData[] {
    return [...this.#users.values()].map(({ data }) => data);
  }

  #use(dir: string, data: VolumeData): void {
    const stageDir = stageDirOf(this.#deps.rootDir, data);
    const known = this.#users.get(stageDir) ?? { data, dirs: new Set() };
    known.dirs.add(dir);
    this.#users.set(stageDir, known);
    if (known.dirs.size === 1) this.#deps.onUse();
  }

  isPublished(dir: string): boolean {
    return this.#published.has(dir);
  }

  /** Says that the pod's folder will use the volume, before it is mounted, so that nobody takes it away. */
  claim(dir: string, data: VolumeData): Promise<void> {
    return this.#lock.run(stageDirOf(this.#deps.rootDir, data), async () => {
      await writeVolumeData(dir, data);
      this.#use(dir, data);
    });
  }

  /** Makes the volume appear in a folder of a pod, and answers where. Idempotent. */
  async publish(dir: string, driver: CsiDriver, wish: CsiWish): Promise<string> {
    const stageDir = stageDirOf(this.#deps.rootDir, wish.data);
    const target = targetOf(dir, wish.data);
    await this.claim(dir, wish.data);
    await this.#lock.run(stageDir, async () => {
      const stages = driver.capabilities.has('STAGE_UNSTAGE_VOLUME') && wish.data.volumeLifecycleMode !== 'Ephemeral';
      if (stages) await this.#stage(stageDir, driver, wish);
      await driver.client.node
        .NodePublishVolume({
          volume_id: wish.data.volumeHandle,
          publish_context: wish.publishContext,
          staging_target_path: stages ? join(stageDir, stageFolder) : '',
          target_path: target,
          volume_capability: wish.capability,
          readonly: wish.isReadOnly,
          secrets: await wish.publishSecrets(),
          volume_context: wish.context,
        })
        .catch((err) => {
          throw new Error(describeRpcError(err), { cause: err });
        });
      this.#published.add(dir);
    });
    return target;
  }

  async #stage(stageDir: string, driver: CsiDriver, wish: CsiWish): Promise<void> {
    const { driverName, volumeHandle } = wish.data;
    const secrets = await wish.stageSecrets();
    await writeVolumeData(stageDir, { driverName, volumeHandle });
    const path = join(stageDir, stageFolder);
    await mkdir(path, { recursive: true, mode: 0o750 });
    await driver.client.node
      .NodeStageVolume({
        volume_id: volumeHandle,
        publish_context: wish.publishContext,
        staging_target_path: path,
        volume_capability: wish.capability,
        secrets,
        volume_context: wish.context,
      })
      .catch((err) => {
        throw new StepError(stageStep, new Error(describeRpcError(err), { cause: err }));
      });
  }

  /** Takes a volume away from a folder of a pod; the last to leave unstages it. Idempotent. */
  async unpublish(dir: string): Promise<void> {
    const data = await readVolumeData(dir);
    if (!data) {
      // Killed before anything was mounted, or after all was undone.
      await this.#removeFolder(dir, targetOf(dir));
      return;
    }
    const stageDir = stageDirOf(this.#deps.rootDir, data);
    await this.#lock.run(stageDir, async () => {
      const driver = this.#deps.drivers.get(data.driverName, 'Unmounter.TearDownAt failed to get CSI client');
      const target_path = targetOf(dir, data);
      this.#published.delete(dir);
      await driver.client.node.NodeUnpublishVolume({ volume_id: data.volumeHandle, target_path });
      // The folder goes after the stage: while it is there, it says what is left to do.
      const others = [...(this.#users.get(stageDir)?.dirs ?? [])].filter((one) => one !== dir);
      if (others.length === 0) await this.#unstage(stageDir, driver);
      await this.#removeFolder(dir, target_path);
      this.#leave(stageDir, dir);
    });
  }

  #leave(stageDir: string, dir: string): void {
    const known = this.#users.get(stageDir);
    known?.dirs.delete(dir);
    if (known?.dirs.size !== 0) return;
    this.#users.delete(stageDir);
    this.#deps.onUse();
  }

  /** Where nobody uses it. */
  async #unstage(stageDir: string, driver: CsiDriver): Promise<void> {
    const staged = await readVolumeData(stageDir);
    if (!staged) return;
    const staging_target_path = join(stageDir, stageFolder);
    await driver.client.node.NodeUnstageVolume({ volume_id: staged.volumeHandle, staging_target_path });
    await this.#removeFolder(stageDir, staging_target_path);
  }

  async #removeFolder(dir: string, target: string): Promise<void> {
    if (await this.#deps.mounts.isMounted(target)) throw new Error(`${target} is still mounted by its driver`);
    await removeVolumeFolder(dir, target);
  }

  /** What a kubelet that was killed had staged, and nobody uses. */
  async #unstageIdle(name: string): Promise<void> {
    const { rootDir, drivers, log } = this.#deps;
    const driversDir = join(rootDir, 'plugins/kubernetes.io/csi');
    const folders = (await foldersBelow(driversDir)).filter((dir) => dirname(dir).endsWith(`${sep}${name}`));
    for (const stageDir of folders) {
      try {
        await this.#lock.run(stageDir, async () => {
          const driver = drivers.find(name);
          if (driver && !this.#users.has(stageDir)) await this.#unstage(stageDir, driver);
        });
      } catch (err) {
        log.warn({ err, stageDir }, 'a volume that nobody uses could not be unstaged');
      }
    }
  }

  /** Where the volume of a pod's folder is staged. */
  stagePathOf(data: VolumeData): string {
    return join(stageDirOf(this.#deps.rootDir, data), stageFolder);
  }
}

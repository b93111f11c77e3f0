// All volumes of one pod: set up before its containers start, refreshed while it runs, removed
// after it. Where they lie follows upstream's layout below the kubelet's root. Upstream:
// pkg/kubelet/volumemanager, without attaching.
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { Pod } from '../../api/core/pod.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';
import type { ObjectReader } from '../objects/watched-objects.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import { volumePlugins } from './index.ts';
import type { VolumeContext, VolumePlugin } from './plugin.ts';
import type { SubPaths } from './sub-path.ts';
import type { Tmpfs } from './tmpfs.ts';

export interface VolumeDeps {
  /** `<root>/pods` and `<root>/memory`. */
  podsDir: string;
  memoryDir: string;
  objects: ObjectReader;
  tokens: ServiceAccountTokens;
  tmpfs: Tmpfs;
  subPaths: SubPaths;
  clock: Clock;
  allocatable(): Readonly<Record<string, string>>;
}

/** A volume could not be made ready; `volume` names it. */
class VolumeError extends Error {
  readonly volume: string;

  constructor(volume: string, cause: Error) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${cause.message}`, { cause });
    this.volume = volume;
  }
}

/** A volume as containers mount it. */
export interface ReadyVolume {
  /** On the node. */
  path: string;
  isReadOnly: boolean;
}

/** How soon a volume that could not be brought up to date is tried again. */
const refreshRetryMs = 30_000;
const noAddresses: PodAddresses = { podIps: [], hostIps: [] };

export class PodVolumes {
  readonly #deps: VolumeDeps;
  readonly #uid: string;
  readonly #ready = new Map<string, ReadyVolume>();
  /** When a token wants to be renewed, or what failed to be tried again. */
  #refreshAtMs = Number.POSITIVE_INFINITY;

  constructor(deps: VolumeDeps, uid: string) {
    this.#deps = deps;
    this.#uid = uid;
  }

  /** The volumes that are ready, by name. */
  get ready(): ReadonlyMap<string, ReadyVolume> {
    return this.#ready;
  }

  get refreshAtMs(): number {
    return this.#refreshAtMs;
  }

  isReady(pod: Pod): boolean {
    return mountedHere(pod).every((v) => this.#ready.has(v.name));
  }

  /** Makes every volume ready that is not. Answers what failed; the others are ready. */
  setUp(pod: Pod): Promise<VolumeError[]> {
    return this.#each(pod, (volume) => !this.#ready.has(volume.name), noAddresses);
  }

  /** Brings the volumes up to date that follow the API. What fails keeps its content, and is due again soon. */
  async refresh(pod: Pod, addresses: PodAddresses): Promise<VolumeError[]> {
    this.#refreshAtMs = Number.POSITIVE_INFINITY;
    const failed = await this.#each(pod, (volume) => pluginOf(volume)?.isLive ?? false, addresses);
    if (failed.length > 0) this.#refreshAtMs = Math.min(this.#refreshAtMs, this.#deps.clock.now() + refreshRetryMs);
    return failed;
  }

  async #each(pod: Pod, wanted: (volume: Volume) => boolean, addresses: PodAddresses): Promise<VolumeError[]> {
    const failed: VolumeError[] = [];
    await Promise.all(
      mountedHere(pod)
        .filter(wanted)
        .map(async (volume) => {
          try {
            const plugin = pluginOf(volume);
            if (!plugin) throw new Error(`volume source ${sourceName(volume)} is not supported by this kubelet`);
            const path = await plugin.setUp(this.#contextOf(pod, volume, plugin, addresses));
            this.#ready.set(volume.name, { path, isReadOnly: plugin.isReadOnly });
          } catch (err) {
            failed.push(new VolumeError(volume.name, err as Error));
          }
        }),
    );
    return failed;
  }

  #contextOf(pod: Pod, volume: Volume, plugin: VolumePlugin, addresses: PodAddresses): VolumeContext {
    const { podsDir, memoryDir, objects, tokens, tmpfs, clock } = this.#deps;
    const ref = { uid: this.#uid, namespace: pod.metadata.namespace ?? '' };
    return {
      pod,
      volume,
      diskDir: join(podsDir, this.#uid, 'volumes', plugin.name, volume.name),
      memoryDir: join(memoryDir, this.#uid, volume.name),
      fsGroup: pod.spec.securityContext?.fsGroup,
      addresses,
      allocatable: this.#deps.allocatable(),
      configMap: (name) => objects.configMap(ref, name),
      secret: (name) => objects.secret(ref, name),
      token: async (wish) => {
        const { value, refreshAtMs } = await tokens.get(pod, wish);
        this.#refreshAtMs = Math.min(this.#refreshAtMs, refreshAtMs);
        return value;
      },
      mountTmpfs: (dir, options) => tmpfs.mount(dir, options),
      nowMs: () => clock.now(),
    };
  }

  /** Removes the volumes with all else the pod has on this node. */
  async tearDown(): Promise<void> {
    this.#ready.clear();
    await removePodFolders(this.#deps, this.#uid);
  }
}

/** Images are the runtime's to mount, when a container starts. */
const mountedHere = (pod: Pod) => (pod.spec.volumes ?? []).filter((volume) => !volume.image);
const pluginOf = (volume: Volume) => volumePlugins.find((p) => p.handles(volume));
const sourceName = (volume: Volume) => Object.keys(volume).find((key) => key !== 'name') ?? '(none)';

/** Unmounts and removes what a pod has below the kubelet's root. */
export async function removePodFolders(
  { podsDir, memoryDir, tmpfs }: Pick<VolumeDeps, 'podsDir' | 'memoryDir' | 'tmpfs'>,
  uid: string,
): Promise<void> {
  const podDir = join(podsDir, uid);
  await tmpfs.unmountBelow(podDir);
  await removeTree(join(memoryDir, uid));
  await removeTree(podDir);
}

/** Uids of pods that have folders here. */
export async function listPodFolders({
  podsDir,
  memoryDir,
}: Pick<VolumeDeps, 'podsDir' | 'memoryDir'>): Promise<string[]> {
  await mkdir(podsDir, { recursive: true });
  return [...(await readdir(podsDir)), ...(await readdir(memoryDir))];
}

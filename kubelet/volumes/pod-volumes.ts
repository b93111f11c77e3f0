// All volumes of one pod: set up before its containers start, refreshed while it runs, removed
// after it. Where they lie follows upstream's layout below the kubelet's root. What outlives the pod
// is unmounted by its plugin, from what lies on disk; the rest is removed, and never while anything
// is mounted in it. Upstream: pkg/kubelet/volumemanager.

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Node } from '../../api/core/node.ts';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { Pod } from '../../api/core/pod.ts';
import { ifThere } from '../../host/if-there.ts';
import type { Mounts } from '../../host/mounts.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';
import type { WatchedObjects } from '../objects/watched-objects.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import { checkBlockDevice } from './block-device.ts';
import { type BoundClaim, checkNodeAffinity, claimNameOf } from './claims.ts';
import {
  isBlock,
  StepError,
  sourceOf,
  specNameOf,
  type VolumeContext,
  type VolumePlugin,
  type VolumeRef,
} from './plugin.ts';
import { describeUnmounted, type VolumeError, type VolumeFailure } from './volume-error.ts';
import { type ClaimUse, isOfClaim, type PodVolumeUse } from './volume-use.ts';

export interface VolumeDeps {
  /** `<root>/pods` and `<root>/memory`. */
  podsDir: string;
  memoryDir: string;
  plugins: readonly VolumePlugin[];
  /** The claim behind a volume, ready to be mounted on this node. Throws ClaimError, or what else is wrong. */
  claimOf(pod: Pod, volume: Volume): Promise<BoundClaim>;
  node(): Node | undefined;
  objects: Pick<WatchedObjects, 'configMap' | 'secret'>;
  tokens: ServiceAccountTokens;
  mounts: Mounts;
  clock: Clock;
  allocatable(): Readonly<Record<string, string>>;
}

/** A volume as containers mount it. */
export interface ReadyVolume {
  /** On the node. */
  path: string;
  isReadOnly: boolean;
  ref: VolumeRef;
  diskDir: string;
}

/** How soon a volume that could not be brought up to date is tried again. */
const refreshRetryMs = 30_000;
const noAddresses: PodAddresses = { podIps: [], hostIps: [] };

export class PodVolumes {
  readonly #deps: VolumeDeps;
  readonly #uid: string;
  readonly #ready = new Map<string, ReadyVolume>();
  /** Volumes that want to be set up again, and when. */
  readonly #due = new Map<string, number>();
  /** When what failed is tried again. */
  #retryAtMs = Number.POSITIVE_INFINITY;

  constructor(deps: VolumeDeps, uid: string) {
    this.#deps = deps;
    this.#uid = uid;
  }

  /** The volumes that are ready, by name. */
  get ready(): ReadonlyMap<string, ReadyVolume> {
    return this.#ready;
  }

  get refreshAtMs(): number {
    return Math.min(this.#retryAtMs, ...this.#due.values());
  }

  isReady(pod: Pod): boolean {
    return mountedHere(pod).every((v) => this.#ready.has(v.name));
  }

  /** Makes every volume ready that is not. Answers what failed; the others are ready. */
  async setUp(pod: Pod): Promise<VolumeError[]> {
    const failures = await this.#each(pod, ({ name }) => !this.#ready.has(name), noAddresses);
    const unmounted = mountedHere(pod)
      .map(({ name }) => name)
      .filter((name) => !this.#ready.has(name));
    return describeUnmounted(failures, unmounted);
  }

  /** Brings the volumes up to date that follow the API. What fails keeps its content, and is due again soon. */
  async refresh(pod: Pod, addresses: PodAddresses): Promise<VolumeError[]> {
    const now = this.#deps.clock.now();
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    const isWanted = ({ name }: Volume) => {
      const isDue = (this.#due.get(name) ?? Number.POSITIVE_INFINITY) <= now;
      if (!isDue && !this.#isLive(name)) return false;
      this.#due.delete(name);
      return true;
    };
    const failures = await this.#each(pod, isWanted, addresses);
    if (failures.length > 0) this.#retryAtMs = now + refreshRetryMs;
    for (const { ref } of failures) if (!this.#isLive(ref.volume.name)) this.#due.set(ref.volume.name, this.#retryAtMs);
    return describeUnmounted(failures, []);
  }

  #isLive(name: string): boolean {
    const ready = this.#ready.get(name);
    return ready !== undefined && (this.#pluginOf(ready.ref)?.isLive ?? false);
  }

  async #each(pod: Pod, wanted: (volume: Volume) => boolean, addresses: PodAddresses): Promise<VolumeFailure[]> {
    const failed: VolumeFailure[] = [];
    await Promise.all(
      mountedHere(pod)
        .filter(wanted)
        .map(async (volume) => {
          let ref: VolumeRef = { volume };
          try {
            ref = await this.#follow(pod, volume);
            if (ref.pv) checkNodeAffinity(ref.pv, this.#deps.node());
            const plugin = this.#pluginOf(ref);
            if (!plugin) throw new Error(`volume source ${sourceName(ref)} is not supported by this kubelet`);
            if (isBlock(ref) && !plugin.hasDevices) {
              const why = new Error(`a volume of ${sourceName(ref)} cannot be a block device`);
              throw new StepError('MapVolume.FindMapperPluginBySpec failed', why);
            }
            const isReadOnly = plugin.isReadOnly || isWantedReadOnly(ref);
            const context = this.#contextOf(pod, plugin, { ref, addresses, isReadOnly });
            const path = await plugin.setUp(context);
            if (isBlock(ref)) await checkBlockDevice(path);
            this.#ready.set(volume.name, { path, isReadOnly, ref, diskDir: context.diskDir });
          } catch (err) {
            failed.push({ ref, cause: err as Error });
          }
        }),
    );
    return failed;
  }

  /** The volume with what its claim stands for. One that is ready goes on when its claim cannot be read. */
  async #follow(pod: Pod, volume: Volume): Promise<VolumeRef> {
    if (claimNameOf(pod, volume) === undefined) return { volume };
    try {
      return { volume, ...(await this.#deps.claimOf(pod, volume)) };
    } catch (err) {
      const known = this.#ready.get(volume.name);
      if (known) return known.ref;
      throw err;
    }
  }

  #pluginOf(ref: VolumeRef): VolumePlugin | undefined {
    return this.#deps.plugins.find((p) => p.handles(ref));
  }

  #contextOf(
    pod: Pod,
    plugin: VolumePlugin,
    { ref, addresses, isReadOnly }: { ref: VolumeRef; addresses: PodAddresses; isReadOnly: boolean },
  ): VolumeContext {
    const { podsDir, memoryDir, objects, tokens, mounts, clock } = this.#deps;
    const { name } = ref.volume;
    const refreshAt = (atMs: number) => this.#due.set(name, Math.min(this.#due.get(name) ?? atMs, atMs));
    return {
      ...ref,
      pod,
      isReadOnly,
      diskDir: join(podsDir, this.#uid, 'volumes', plugin.name, specNameOf(ref)),
      memoryDir: join(memoryDir, this.#uid, name),
      fsGroup: pod.spec.securityContext?.fsGroup,
      addresses,
      allocatable: this.#deps.allocatable(),
      configMap: (name) => objects.configMap(pod, name),
      secret: (name) => objects.secret(pod, name),
      token: async (wish) => {
        const { value, refreshAtMs } = await tokens.get(pod, wish);
        refreshAt(refreshAtMs);
        return value;
      },
      mounts,
      refreshAfter: (ms) => refreshAt(clock.now() + ms),
      nowMs: () => clock.now(),
    };
  }

  /** What the pod is to have; which plugin it is for may not be known yet. */
  list(pod: Pod): { ref: VolumeRef; plugin: VolumePlugin | undefined; isReady: boolean }[] {
    return mountedHere(pod).map((volume) => {
      const ready = this.#ready.get(volume.name);
      const ref = ready?.ref ?? { volume };
      return { ref, plugin: this.#pluginOf(ref), isReady: ready !== undefined };
    });
  }

  /** How full its volumes are; those that cannot be measured are left out. */
  measure(): Promise<PodVolumeUse[]> {
    return this.#measure([...this.#ready.values()]);
  }

  async measureClaims(): Promise<ClaimUse[]> {
    return (await this.#measure([...this.#ready.values()].filter(({ ref }) => ref.claim))).filter(isOfClaim);
  }

  async #measure(volumes: ReadyVolume[]): Promise<PodVolumeUse[]> {
    const uses = volumes.map(async ({ ref, diskDir, path }): Promise<PodVolumeUse[]> => {
      const plugin = this.#pluginOf(ref);
      const use = await plugin?.measure?.(diskDir, path).catch(() => undefined);
      if (!use) return [];
      const { namespace = '', name = '' } = ref.claim?.metadata ?? {};
      return [{ name: ref.volume.name, ...(ref.claim ? { claim: { namespace, name } } : {}), ...use }];
    });
    return (await Promise.all(uses)).flat();
  }

  /** Removes the volumes with all else the pod has on this node. */
  async tearDown(): Promise<void> {
    this.#ready.clear();
    this.#due.clear();
    await removePodFolders(this.#deps, this.#uid);
  }
}

/** Images are the runtime's to mount, when a container starts. */
const mountedHere = (pod: Pod) => (pod.spec.volumes ?? []).filter((volume) => !volume.image);

const isWantedReadOnly = ({ volume, pv }: VolumeRef) =>
  volume.persistentVolumeClaim?.readOnly === true ||
  (pv
    ? pv.spec.csi?.readOnly === true || pv.spec.nfs?.readOnly === true
    : (volume.csi ?? volume.nfs)?.readOnly === true);

const notSources = new Set([
  'name',
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'volumeMode',
]);
const sourceName = (ref: VolumeRef) =>
  Object.entries(sourceOf(ref)).find(([key, value]) => !notSources.has(key) && typeof value === 'object')?.[0] ??
  '(none)';

type Folders = Pick<VolumeDeps, 'podsDir' | 'memoryDir' | 'mounts' | 'plugins'>;

/** Unmounts and removes what a pod has below the kubelet's root. Throws while anything of it is mounted. */
export async function removePodFolders({ podsDir, memoryDir, mounts, plugins }: Folders, uid: string): Promise<void> {
  const podDir = join(podsDir, uid);
  // Parts of volumes come before the volumes.
  await mounts.unmountBelow(join(podDir, 'volume-subpaths'));
  for (const { name, tearDown } of plugins) {
    if (!tearDown) continue;
    const dir = join(podDir, 'volumes', name);
    for (const volume of (await ifThere(readdir(dir))) ?? []) await tearDown(join(dir, volume));
  }
  await mounts.unmountBelow(podDir);
  await removeTree(join(memoryDir, uid));
  await mounts.removeTree(podDir);
}

/** Uids of pods that have folders here. */
export async function listPodFolders({
  podsDir,
  memoryDir,
}: Pick<VolumeDeps, 'podsDir' | 'memoryDir'>): Promise<string[]> {
  await mkdir(podsDir, { recursive: true });
  return [...(await readdir(podsDir)), ...(await readdir(memoryDir))];
}

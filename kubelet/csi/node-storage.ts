// Storage drivers on this node, put together: how they are found, what they are used for, and what
// the node's status says of it.

import { join } from 'node:path';
import { type CSIDriver, CSIDriverKind } from '../../api/storage/csidriver.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { InformerFactory } from '../../client/informer-factory.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { Mounts } from '../../host/mounts.ts';
import type { Clock } from '../../machinery/clock.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Logger } from '../../machinery/log.ts';
import type { CsiClient } from '../../proto/csi-client.ts';
import { keepTrying } from '../keep-trying.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';
import type { VolumePlugin } from '../volumes/plugin.ts';
import { CsiNode } from './csi-node.ts';
import { createCsiPlugin } from './csi-plugin.ts';
import { CsiVolumes } from './csi-volumes.ts';
import { CsiDrivers } from './drivers.ts';
import { PluginWatcher } from './plugin-watcher.ts';
import { VolumeLimits } from './volume-limits.ts';

export interface NodeStorageDeps {
  client: KubeClient;
  events: EventRecorder;
  factory: InformerFactory;
  nodeName: string;
  rootDir: string;
  mounts: Mounts;
  tokens: ServiceAccountTokens;
  clock: Clock;
  log: Logger;
  /** Opens a client of the driver of a name. */
  connect(socket: string, name: string): CsiClient;
  /** Writes the node's status to the API, and resolves when it is there. */
  reportStatus(): Promise<void>;
}

const retryMs = 1_000;

export class NodeStorage {
  readonly drivers: CsiDrivers;
  readonly plugin: VolumePlugin;
  readonly #deps: NodeStorageDeps;
  readonly #node: CsiNode;
  readonly #volumes: CsiVolumes;
  readonly #objects: Informer<CSIDriver>;
  readonly #limits: VolumeLimits;
  #reported: readonly string[] = [];
  #isSynced = false;

  constructor(deps: NodeStorageDeps) {
    this.#deps = deps;
    this.#node = new CsiNode(deps.client, deps.nodeName);
    this.drivers = new CsiDrivers(this.#node, deps.connect);
    this.#limits = new VolumeLimits({ ...deps, node: this.#node, drivers: this.drivers });
    this.#objects = deps.factory.informer(CSIDriverKind);
    this.#objects.onChange((object, old) => {
      const { metadata } = (object ?? old)!;
      this.#limits.every(object?.spec.nodeAllocatableUpdatePeriodSeconds, metadata.name!);
    });
    void this.#objects.synced().then(() => {
      this.#isSynced = true;
    });
    this.#volumes = new CsiVolumes({ ...deps, drivers: this.drivers, onUse: () => this.#onUse() });
    this.plugin = createCsiPlugin({
      ...deps,
      drivers: this.drivers,
      volumes: this.#volumes,
      driverObject: (name) => this.#objects.lister.get(name),
      reportUse: () => this.#report(),
    });
  }

  /** Where plugins make themselves known. */
  static registryDirOf(rootDir: string): string {
    return join(rootDir, 'plugins_registry');
  }

  /** Finds what is mounted. Before any pod is looked at. */
  recover(): Promise<void> {
    return this.#volumes.recover();
  }

  /** Takes drivers on, once the node is registered. */
  async start(signal: AbortSignal): Promise<void> {
    const { rootDir, clock, log } = this.#deps;
    const onFailure = (err: unknown) => log.warn({ err }, 'the CSINode could not be made; trying again');
    // Ends with the signal, or when it is done.
    keepTrying(() => this.#node.create(), { clock, signal, delayMs: retryMs, onFailure }).catch(() => undefined);
    const dir = NodeStorage.registryDirOf(rootDir);
    await new PluginWatcher({ dir, drivers: this.drivers, clock, log }).start(signal);
  }

  /** Names of the volumes that must not be detached, as node.status.volumesInUse has them; undefined at first. */
  volumesInUse(): string[] | undefined {
    if (!this.#isSynced) return undefined;
    const names = this.#volumes
      .inUse()
      .filter(
        ({ driverName, volumeLifecycleMode }) => volumeLifecycleMode !== 'Ephemeral' && this.#isAttached(driverName),
      )
      .map(({ driverName, volumeHandle }) => `kubernetes.io/csi/${driverName}^${volumeHandle}`);
    return names.sort();
  }

  #isAttached(driver: string): boolean {
    return this.#objects.lister.get(driver)?.spec.attachRequired !== false;
  }

  #onUse(): void {
    void this.#report().catch((err) => this.#deps.log.warn({ err }, 'the volumes in use could not be reported'));
  }

  async #report(): Promise<void> {
    const names = this.volumesInUse();
    if (!names || jsonEqual(names, this.#reported)) return;
    await this.#deps.reportStatus();
    this.#reported = names;
  }

  close(): void {
    this.#limits.close();
    this.drivers.close();
  }
}

// The scheduler's view of storage: informers, and over them what it has given away and is not written yet. Bindings are written
// here and waited for: the binder finishes them, or a provisioner makes the volume first. Upstream: the volume binder of
// pkg/scheduler/framework/plugins/volumebinding.
import {
  claimKeyOf,
  isFullyBound,
  isReachable,
  selectedNode,
  storageClassOf,
} from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { PodKind } from '../../api/core/pod.ts';
import { CSIDriverKind } from '../../api/storage/csidriver.ts';
import { CSINodeKind } from '../../api/storage/csinode.ts';
import { CSIStorageCapacityKind } from '../../api/storage/csistoragecapacity.ts';
import { StorageClassKind } from '../../api/storage/storageclass.ts';
import { VolumeAttachmentKind } from '../../api/storage/volumeattachment.ts';
import type { Informer } from '../../client/informer.ts';
import { Overlay } from '../../client/overlay.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { Clock, Timer } from '../../machinery/clock.ts';
import { isNotFound, messageOf, notFoundError } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import type { StorageEvent, VolumePlan, VolumeView } from '../framework/volume-view.ts';

export type StorageInformers = ReturnType<typeof storageInformers>;

export function storageInformers(informer: <T extends KubeObject>(kind: Kind<T>) => Informer<T>) {
  return {
    claims: informer(PersistentVolumeClaimKind),
    volumes: informer(PersistentVolumeKind),
    classes: informer(StorageClassKind),
    drivers: informer(CSIDriverKind),
    csiNodes: informer(CSINodeKind),
    capacities: informer(CSIStorageCapacityKind),
    attachments: informer(VolumeAttachmentKind),
  };
}

/** A pod that waits for its volumes. */
interface Waiter {
  keys: readonly string[];
  /** True when all are bound; throws when they will not be. */
  check(): boolean;
  end(err?: unknown): void;
}

const bindTimeoutMs = 600_000;
const byClass = 'storage class';
const byClaim = 'claim';
const byNode = 'node';

export class VolumeCache implements VolumeView {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #informers: StorageInformers;
  readonly #claims: Overlay<PersistentVolumeClaim>;
  readonly #volumes: Overlay<PersistentVolume>;
  readonly #waiters = new Map<string, Waiter>();
  #listener: (event: StorageEvent) => void = () => undefined;

  constructor(client: KubeClient, clock: Clock, informers: StorageInformers) {
    this.#client = client;
    this.#clock = clock;
    this.#informers = informers;
    const { claims, volumes, capacities, attachments } = informers;
    this.#claims = new Overlay(claims);
    this.#volumes = new Overlay(volumes);
    volumes.addIndex(byClass, (volume) => [storageClassOf(volume)]);
    volumes.addIndex(byClaim, (volume) => [claimKeyOf(volume) ?? '']);
    capacities.addIndex(byClass, (capacity) => [capacity.storageClassName]);
    attachments.addIndex(byNode, ({ spec }) => [spec.nodeName]);
    this.#follow();
  }

  #follow(): void {
    const { claims, volumes, classes, drivers, csiNodes, capacities, attachments } = this.#informers;
    claims.onChange((claim, old) => {
      this.#wake(keyOf((claim ?? old)!));
      if (claim) this.#listener({ type: 'ClaimChanged', claim });
    });
    volumes.onChange((volume, old) => {
      for (const it of [volume, old]) if (it?.spec.claimRef) this.#wake(claimKeyOf(it)!);
      if (volume) this.#listener({ type: 'VolumeChanged', volume });
    });
    classes.onChange((it) => it && this.#listener({ type: 'StorageClassChanged' }));
    drivers.onChange(() => this.#listener({ type: 'CSIDriverChanged' }));
    csiNodes.onChange((it) => it && this.#listener({ type: 'CSINodeChanged' }));
    capacities.onChange((it) => it && this.#listener({ type: 'CSIStorageCapacityChanged' }));
    attachments.onChange((it) => !it && this.#listener({ type: 'VolumeAttachmentRemoved' }));
  }

  synced(): Promise<unknown> {
    return Promise.all(Object.values(this.#informers).map((informer: Informer<any>) => informer.synced()));
  }

  onEvent(listener: (event: StorageEvent) => void): void {
    this.#listener = listener;
  }

  claim = (key: string) => this.#claims.get(key);
  volume = (name: string) => this.#volumes.get(name);
  storageClass = (name: string) => this.#informers.classes.lister.get(name);
  csiDriver = (name: string) => this.#informers.drivers.lister.get(name);
  csiNode = (name: string) => this.#informers.csiNodes.lister.get(name);
  capacitiesOf = (storageClass: string) => this.#informers.capacities.lister.byIndex(byClass, storageClass);
  attachmentsOn = (node: string) => this.#informers.attachments.lister.byIndex(byNode, node);
  volumesFor = (claim: PersistentVolumeClaim) => [
    ...this.#volumes.byIndex(byClaim, keyOf(claim)),
    ...this.#volumes.byIndex(byClass, storageClassOf(claim)),
  ];

  assume({ bindings, provisions }: VolumePlan): void {
    for (const { volume, isNew } of bindings) if (isNew) this.#volumes.assume(volume);
    for (const { claim, isNew } of provisions) if (isNew) this.#claims.assume(claim);
  }

  revert({ bindings, provisions }: VolumePlan): void {
    for (const { volume, claim, isNew } of bindings) {
      if (!isNew) continue;
      this.#volumes.withdraw(keyOf(volume));
      this.#wake(keyOf(claim)); // another pod may wait for the same claim
      this.#listener({ type: 'VolumeChanged', volume: this.#volumes.get(keyOf(volume)) ?? volume });
    }
    for (const { claim, isNew } of provisions) {
      if (!isNew) continue;
      this.#claims.withdraw(keyOf(claim));
      this.#wake(keyOf(claim));
    }
  }

  async bind(plan: VolumePlan, pod: PodInfo, node: NodeInfo): Promise<void> {
    const volumes = this.#client.resource(PersistentVolumeKind);
    const claims = this.#client.resource(PersistentVolumeClaimKind);
    try {
      for (const { volume, isNew } of plan.bindings) {
        if (isNew) this.#volumes.written(await volumes.update(volume));
      }
      for (const { claim, isNew } of plan.provisions) {
        if (isNew) this.#claims.written(await claims.update(claim));
      }
    } catch (err) {
      if (isNotFound(err)) throw new Error(messageOf(err), { cause: err }); // the pod is there
      throw err;
    }
    await this.#untilBound(plan, pod, node);
  }

  #untilBound({ bindings, provisions }: VolumePlan, { uid }: PodInfo, node: NodeInfo): Promise<void> {
    const check = () => {
      const bound = bindings.map(({ volume, claim }) => this.#isBound(volume, claim, node));
      const made = provisions.map(({ claim }) => this.#isProvisioned(claim, node));
      return [...bound, ...made].every((isDone) => isDone);
    };
    return new Promise<void>((resolve, reject) => {
      let timer: Timer | undefined;
      const end = (err?: unknown) => {
        this.#waiters.delete(uid);
        timer?.cancel();
        if (err) reject(err);
        else resolve();
      };
      const keys = [...bindings, ...provisions].map(({ claim }) => keyOf(claim));
      this.#waiters.set(uid, { keys, check, end });
      timer = this.#clock.after(bindTimeoutMs, () => end(new Error('binding volumes: context deadline exceeded')));
      this.#look(this.#waiters.get(uid)!);
    });
  }

  #isBound(wanted: PersistentVolume, { metadata }: PersistentVolumeClaim, node: NodeInfo): boolean {
    const claim = this.#claims.get(keyOf({ metadata }));
    const volume = this.#volumes.get(keyOf(wanted));
    const name = volume?.metadata.name;
    if (!claim) throw new Error(`failed to check binding: could not find v1.PersistentVolumeClaim "${metadata.name}"`);
    if (!volume) throw new Error(`failed to check binding: could not find v1.PersistentVolume "${keyOf(wanted)}"`);
    mustReach(volume, node);
    if (!volume.spec.claimRef?.uid) throw new Error(`ClaimRef got reset for pv "${name}"`);
    return isFullyBound(claim);
  }

  #isProvisioned({ metadata }: PersistentVolumeClaim, node: NodeInfo): boolean {
    const claim = this.#claims.get(keyOf({ metadata }));
    if (!claim) {
      throw new Error(`failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "${metadata.name}"`);
    }
    // Whoever cannot make the volume there takes the node away, so that another one is tried.
    if (claim.metadata.annotations?.[selectedNode] !== node.name) {
      throw new Error(`provisioning failed for PVC "${metadata.name}"`);
    }
    if (!claim.spec.volumeName) return false;
    const volume = this.#volumes.get(claim.spec.volumeName);
    if (!volume) return false;
    mustReach(volume, node);
    return isFullyBound(claim);
  }

  #look(waiter: Waiter): void {
    try {
      if (waiter.check()) waiter.end();
    } catch (err) {
      waiter.end(new Error(`binding volumes: ${messageOf(err)}`, { cause: err }));
    }
  }

  #wake(claimKey: string): void {
    for (const waiter of [...this.#waiters.values()]) if (waiter.keys.includes(claimKey)) this.#look(waiter);
  }

  podGone(uid: string): void {
    this.#waiters.get(uid)?.end(notFoundError({ group: '', resource: PodKind.plural }, uid));
  }
}

function mustReach(volume: PersistentVolume, node: NodeInfo): void {
  if (!node.exists) throw new Error(`failed to get node "${node.name}"`);
  if (isReachable(volume, node.node)) return;
  const why = `pv "${volume.metadata.name}" node affinity doesn't match node "${node.name}"`;
  throw new Error(`${why}: no matching NodeSelectorTerms`);
}

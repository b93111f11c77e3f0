// Makes the volume of a claim larger when the claim asks for more, and says how far that is in the
// claim's status. Upstream: external-resizer, expand_and_recover.go; KEP-1790.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import { type PersistentVolumeClaim, resizeConditions } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { targetOf } from '../../client/events.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { compareQuantities, quantityInteger } from '../../machinery/quantity.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { isFinal, isInfeasible } from '../csi/rpc-outcome.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import { isOurs, type ProvisionerDeps } from './context.ts';

type Status = NonNullable<PersistentVolumeClaim['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/** What a driver has called impossible is asked for again so long after. */
const slowRetryMs = 300_000;

/** The size to ask the driver for, or undefined where there is nothing to do; `hasFailed`: what was begun last has certainly ended. */
export function sizeToAsk(
  { spec, status }: PersistentVolumeClaim,
  volume: PersistentVolume,
  hasFailed: boolean,
): string | undefined {
  const wanted = spec.resources?.requests?.storage ?? '0';
  const begun = status?.allocatedResources?.storage ?? wanted;
  const phase = status?.allocatedResourceStatuses?.storage;
  const has = volume.spec.capacity?.storage;
  const isSmall = compareQuantities(has, wanted) < 0;
  // The node's kubelet does the rest.
  if (phase === 'NodeResizePending' || phase === 'NodeResizeInProgress') {
    return isSmall && compareQuantities(has, begun) < 0 ? begun : undefined;
  }
  const isOpen =
    !phase || phase === 'ControllerResizeInfeasible' || (phase === 'ControllerResizeInProgress' && hasFailed);
  return isSmall && isOpen ? wanted : begun;
}

export class Resizer {
  readonly #deps: ProvisionerDeps;
  /** Claims whose last resize has certainly failed. */
  readonly #failed = new Set<string>();
  /** Since when claims wait whose resize is impossible. */
  readonly #slow = new Map<string, number>();

  constructor(deps: ProvisionerDeps) {
    this.#deps = deps;
  }

  /** Brings a claim's volume to its size. Throws to be called again; answers after how long where that is known. */
  async reconcile(claim: PersistentVolumeClaim, nowMs: number): Promise<{ requeueAfterMs: number } | undefined> {
    const key = keyOf(claim);
    const volume = this.#volumeOf(claim);
    const size = volume && sizeToAsk(claim, volume, this.#failed.has(key));
    if (!size) return undefined;
    const { allocatedResources, allocatedResourceStatuses: phases = {} } = claim.status!;
    const isSame = compareQuantities(allocatedResources?.storage, size) === 0;
    if (isSame && phases.storage?.endsWith('Infeasible')) {
      const waitsMs = (this.#slow.get(key) ?? Number.NEGATIVE_INFINITY) + slowRetryMs - nowMs;
      if (waitsMs > 0) return { requeueAfterMs: waitsMs };
      this.#slow.set(key, nowMs);
    }
    const resizing = withCondition(claim, 'Resizing', nowMs, { isAlone: !isSame });
    const begun = await this.#tell(claim, {
      conditions: resizing,
      allocatedResources: { ...allocatedResources, storage: size },
      ...(isSame ? {} : { allocatedResourceStatuses: { ...phases, storage: 'ControllerResizeInProgress' } }),
    });
    await this.#grow(begun, volume, size, nowMs);
    return undefined;
  }

  forget(key: string): void {
    this.#failed.delete(key);
    this.#slow.delete(key);
  }

  #volumeOf({ metadata, spec, status }: PersistentVolumeClaim): PersistentVolume | undefined {
    const has = status?.capacity?.storage;
    const isLarger = has && compareQuantities(spec.resources?.requests?.storage, has) > 0;
    if (status?.phase !== 'Bound' || !isLarger || metadata.deletionTimestamp) return undefined;
    const volume = this.#deps.volume(spec.volumeName ?? '');
    const isTheirs = volume && isOurs(volume, this.#deps.driver) && volume.spec.claimRef?.uid === metadata.uid;
    return isTheirs ? volume : undefined;
  }

  async #grow(claim: PersistentVolumeClaim, volume: PersistentVolume, size: string, nowMs: number): Promise<void> {
    const { client, driver, events } = this.#deps;
    const target = targetOf(PersistentVolumeClaimKind, claim);
    const name = volume.metadata.name ?? '';
    events.event(target, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
    const given = await driver.client.controller
      .ControllerExpandVolume({
        volume_id: volume.spec.csi?.volumeHandle ?? '',
        capacity_range: { required_bytes: quantityInteger(size) },
      })
      .catch(async (err: unknown) => {
        await this.#fail(claim, err, nowMs);
        const text = `resize volume "${name}" by resizer "${driver.name}" failed: ${describeRpcError(err)}`;
        events.event(target, 'Warning', 'VolumeResizeFailed', text);
        throw err;
      });
    this.forget(keyOf(claim));
    const storage = compareQuantities(given.capacity_bytes, size) > 0 ? given.capacity_bytes : size;
    const patch = { spec: { capacity: { storage } } };
    await client.resource(PersistentVolumeKind).patch({ name }, patch, { type: 'merge' });
    const { storage: _, ...others } = claim.status?.allocatedResourceStatuses ?? {};
    if (given.node_expansion_required) {
      const message = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';
      await this.#tell(claim, {
        conditions: withCondition(claim, 'FileSystemResizePending', nowMs, { message }),
        allocatedResourceStatuses: { ...others, storage: 'NodeResizePending' },
      });
      events.event(target, 'Normal', 'FileSystemResizeRequired', 'Require file system resize of volume on node');
      return;
    }
    await this.#tell(claim, {
      capacity: { ...claim.status?.capacity, storage },
      conditions: (claim.status?.conditions ?? []).filter(({ type }) => !resizeConditions.has(type)),
      allocatedResourceStatuses: others,
    });
    events.event(target, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
  }

  /** Notes what an error says of the resize: it goes on perhaps, has failed, or is impossible. */
  async #fail(claim: PersistentVolumeClaim, err: unknown, nowMs: number): Promise<void> {
    const key = keyOf(claim);
    this.forget(key);
    if (!isFinal(err)) return;
    this.#failed.add(key);
    const phases = claim.status?.allocatedResourceStatuses;
    if (isInfeasible(err)) this.#slow.set(key, nowMs);
    const message = `failed to expand pvc with ${describeRpcError(err)}`;
    await this.#tell(claim, {
      conditions: withCondition(claim, 'ControllerResizeError', nowMs, { message }),
      ...(isInfeasible(err) ? { allocatedResourceStatuses: { ...phases, storage: 'ControllerResizeInfeasible' } } : {}),
    });
  }

  /** Writes what is new, if anything. */
  async #tell(claim: PersistentVolumeClaim, change: Partial<Status>): Promise<PersistentVolumeClaim> {
    const status = { ...claim.status, ...change } as Status;
    if (jsonEqual(status, claim.status)) return claim;
    return this.#deps.client.resource(PersistentVolumeClaimKind).updateStatus({ ...claim, status });
  }
}

/** The claim's conditions with this one; `isAlone`: without others of resizes. */
function withCondition(
  { status }: PersistentVolumeClaim,
  type: string,
  nowMs: number,
  { message, isAlone }: { message?: string; isAlone?: boolean },
): Condition[] {
  const all = status?.conditions ?? [];
  const known = all.find((one) => one.type === type && one.message === message);
  const others = all.filter((one) => one.type !== type && !(isAlone && resizeConditions.has(one.type)));
  const fresh = { type, status: 'True', lastProbeTime: null, lastTransitionTime: timestamp(nowMs) };
  return [...others, known ?? ({ ...fresh, ...(message ? { message } : {}) } as unknown as Condition)];
}

// Making and removing volumes and snapshots. All calls are repeatable, and those about one volume
// come one after the other. A size is a promise that nobody enforces, as with local paths elsewhere:
// the disk is the node's.
import { statfs } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../machinery/clock.ts';
import { KeyedLock } from '../../machinery/keyed-lock.ts';
import type {
  ControllerMethods,
  ControllerServiceCapabilityRPCType,
  CreateVolumeRequest,
  Snapshot,
  Volume,
  VolumeContentSource,
} from '../../proto/csi.gen.ts';
import type { Init } from '../../proto/message.ts';
import { RpcError, type UnaryHandlers } from '../../proto/unary-server.ts';
import { fits, invalid, isAmong, lackOf, page, requireCapabilities, requireFields, sizeOf, there } from './checks.ts';
import { topologyKey } from './identity.ts';
import { idOf, type SnapshotRecord, type VolumeRecord, type VolumeStore } from './volume-store.ts';

export interface ControllerDeps {
  store: VolumeStore;
  dir: string;
  nodeName: string;
  clock: Clock;
  /** Whether a pod has the volume mounted. */
  isPublished(id: string): Promise<boolean>;
}

const capabilities: ControllerServiceCapabilityRPCType[] = [
  'CREATE_DELETE_VOLUME',
  'LIST_VOLUMES',
  'GET_CAPACITY',
  'CREATE_DELETE_SNAPSHOT',
  'LIST_SNAPSHOTS',
  'CLONE_VOLUME',
  'EXPAND_VOLUME',
  'GET_VOLUME',
  'VOLUME_CONDITION',
  'SINGLE_NODE_MULTI_WRITER',
];

export function controllerHandlers(deps: ControllerDeps): UnaryHandlers<ControllerMethods> {
  const lock = new KeyedLock();
  return {
    ControllerGetCapabilities: async () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
    ...volumeHandlers(deps, lock),
    ...snapshotHandlers(deps, lock),
    async GetCapacity({ volume_capabilities, accessible_topology }) {
      const isHere = isAmong(placeOf(deps), accessible_topology ? [accessible_topology] : []);
      if (!isHere || lackOf(volume_capabilities) !== undefined) return { available_capacity: '0' };
      const { bavail, bsize } = await statfs(deps.dir);
      return { available_capacity: String(bavail * bsize) };
    },
  };
}

const placeOf = ({ nodeName }: ControllerDeps) => ({ [topologyKey]: nodeName });

function volumeHandlers(deps: ControllerDeps, lock: KeyedLock): UnaryHandlers<ControllerMethods> {
  const { store, isPublished } = deps;
  const { volumes } = store;
  const find = (id: string) => there('volume', id, volumes);
  const describe = (record: VolumeRecord) => describeVolume(deps, record);
  const condition = { abnormal: false, message: 'the folder is there' };
  return {
    async CreateVolume(request) {
      requireFields({ name: request.name });
      requireCapabilities(request.volume_capabilities);
      const id = idOf(request.name);
      return lock.run(id, async () => ({
        volume: describe(volumes.get(id) ? keepVolume(deps, id, request) : await makeVolume(deps, id, request)),
      }));
    },
    async DeleteVolume({ volume_id }) {
      requireFields({ volume_id });
      return lock.run(volume_id, async () => {
        if (!volumes.get(volume_id)) return {};
        if (await isPublished(volume_id)) {
          throw new RpcError(
            status.FAILED_PRECONDITION,
            `volume ${volume_id} is still published on node ${deps.nodeName}`,
          );
        }
        await store.remove(volumes, volume_id);
        return {};
      });
    },
    async ValidateVolumeCapabilities({ volume_id, volume_capabilities, volume_context, parameters }) {
      requireFields({ volume_id });
      if (volume_capabilities.length === 0) throw invalid('volume capabilities are missing');
      find(volume_id);
      const message = lackOf(volume_capabilities);
      return message === undefined ? { confirmed: { volume_capabilities, volume_context, parameters } } : { message };
    },
    async ListVolumes(request) {
      const { items, next } = page(volumes.list(), request);
      const entries = items.map((record) => ({ volume: describe(record), status: { volume_condition: condition } }));
      return { entries, next_token: next };
    },
    async ControllerGetVolume({ volume_id }) {
      requireFields({ volume_id });
      return { volume: describe(find(volume_id)), status: { volume_condition: condition } };
    },
    async ControllerExpandVolume({ volume_id, capacity_range, volume_capability }) {
      requireFields({ volume_id });
      if (!capacity_range) throw invalid('capacity range is missing');
      if (volume_capability) requireCapabilities([volume_capability]);
      const wanted = sizeOf(capacity_range);
      return lock.run(volume_id, async () => {
        const record = find(volume_id);
        const bytes = Math.max(record.bytes, wanted);
        if (bytes !== record.bytes) await volumes.update({ ...record, bytes });
        return { capacity_bytes: String(bytes), node_expansion_required: false };
      });
    },
  };
}

/** One of that name is there: it must be what is asked for. */
function keepVolume({ store }: ControllerDeps, id: string, request: CreateVolumeRequest): VolumeRecord {
  const found = store.volumes.get(id)!;
  const source = sourceOf(request.volume_content_source);
  const isSame = fits(found.bytes, request.capacity_range) && found.source?.id === source?.id;
  if (!isSame)
    throw new RpcError(status.ALREADY_EXISTS, `volume ${request.name} is there already, and another than is asked for`);
  return found;
}

async function makeVolume(deps: ControllerDeps, id: string, request: CreateVolumeRequest): Promise<VolumeRecord> {
  const { store, clock } = deps;
  const { requisite = [], preferred = [] } = request.accessibility_requirements ?? {};
  if (!isAmong(placeOf(deps), requisite.length > 0 ? requisite : preferred)) {
    throw new RpcError(status.RESOURCE_EXHAUSTED, `node ${deps.nodeName} is none of those that can reach the volume`);
  }
  const bytes = sizeOf(request.capacity_range);
  const source = sourceOf(request.volume_content_source);
  const record = { id, name: request.name, bytes, createdMs: clock.now(), ...(source ? { source } : {}) };
  await store.create(store.volumes, record, source && contentOf(store, source, bytes));
  return record;
}

function sourceOf(content: VolumeContentSource | null): VolumeRecord['source'] {
  if (content?.snapshot) return { kind: 'snapshot', id: content.snapshot.snapshot_id };
  if (content?.volume) return { kind: 'volume', id: content.volume.volume_id };
  return undefined;
}

/** The folder to copy from. */
function contentOf(
  store: VolumeStore,
  { kind, id }: { kind: 'volume' | 'snapshot'; id: string },
  bytes: number,
): string {
  const set = kind === 'volume' ? store.volumes : store.snapshots;
  const found = there<VolumeRecord | SnapshotRecord>(kind, id, set);
  if (found.bytes > bytes) {
    throw new RpcError(status.OUT_OF_RANGE, `${kind} ${id} has ${found.bytes} bytes, more than the ${bytes} asked for`);
  }
  return set.dataOf(id);
}

function describeVolume(deps: ControllerDeps, { id, bytes, source }: VolumeRecord): Init<Volume> {
  const content = source && { [source.kind]: { [`${source.kind}_id`]: source.id } };
  const shared = { volume_id: id, capacity_bytes: String(bytes), accessible_topology: [{ segments: placeOf(deps) }] };
  return content ? { ...shared, content_source: content } : shared;
}

function snapshotHandlers({ store, clock }: ControllerDeps, lock: KeyedLock): UnaryHandlers<ControllerMethods> {
  const { snapshots, volumes } = store;
  return {
    async CreateSnapshot({ name, source_volume_id }) {
      requireFields({ name, source_volume_id });
      const id = idOf(name);
      return lock.run(`snapshot ${id}`, async () => {
        const known = snapshots.get(id);
        if (known && known.volumeId !== source_volume_id) {
          throw new RpcError(status.ALREADY_EXISTS, `snapshot ${name} is there already, of volume ${known.volumeId}`);
        }
        if (known) return { snapshot: describeSnapshot(known) };
        const volume = there('volume', source_volume_id, volumes);
        const record = { id, name, volumeId: volume.id, bytes: volume.bytes, createdMs: clock.now() };
        await store.create(snapshots, record, volumes.dataOf(volume.id));
        return { snapshot: describeSnapshot(record) };
      });
    },
    async DeleteSnapshot({ snapshot_id }) {
      requireFields({ snapshot_id });
      return lock.run(`snapshot ${snapshot_id}`, async () => {
        if (snapshots.get(snapshot_id)) await store.remove(snapshots, snapshot_id);
        return {};
      });
    },
    async ListSnapshots(request) {
      const { snapshot_id, source_volume_id } = request;
      const wanted = snapshots
        .list()
        .filter(
          ({ id, volumeId }) =>
            (snapshot_id === '' || id === snapshot_id) && (source_volume_id === '' || volumeId === source_volume_id),
        );
      const { items, next } = page(wanted, request);
      return { entries: items.map((record) => ({ snapshot: describeSnapshot(record) })), next_token: next };
    },
  };
}

const describeSnapshot = ({ id, volumeId, bytes, createdMs }: SnapshotRecord): Init<Snapshot> => ({
  snapshot_id: id,
  source_volume_id: volumeId,
  size_bytes: String(bytes),
  creation_time: { seconds: String(Math.floor(createdMs / 1000)), nanos: (createdMs % 1000) * 1e6 },
  ready_to_use: true,
});

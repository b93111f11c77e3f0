// Volumes in the folders of pods: a folder that is bound to another place. There is nothing to stage.

import { mkdir, rmdir, statfs } from 'node:fs/promises';
import { ifThere } from '../../host/if-there.ts';
import type { Mounts } from '../../host/mounts.ts';
import type { Clock } from '../../machinery/clock.ts';
import { KeyedLock } from '../../machinery/keyed-lock.ts';
import type { NodeMethods, NodePublishVolumeRequest, NodeServiceCapabilityRPCType } from '../../proto/csi.gen.ts';
import type { UnaryHandlers } from '../../proto/unary-server.ts';
import { invalid, notFound, requireCapabilities, requireFields } from './checks.ts';
import { topologyKey } from './identity.ts';
import type { VolumeStore } from './volume-store.ts';

export interface NodeDeps {
  store: VolumeStore;
  mounts: Mounts;
  nodeName: string;
  clock: Clock;
}

const capabilities: NodeServiceCapabilityRPCType[] = [
  'GET_VOLUME_STATS',
  'SINGLE_NODE_MULTI_WRITER',
  'VOLUME_CONDITION',
];
const ephemeralKey = 'csi.storage.k8s.io/ephemeral';

export function nodeHandlers({ store, mounts, nodeName, clock }: NodeDeps): UnaryHandlers<NodeMethods> {
  const lock = new KeyedLock();
  const { volumes } = store;
  return {
    NodeGetInfo: async () => ({
      node_id: nodeName,
      accessible_topology: { segments: { [topologyKey]: nodeName } },
    }),
    NodeGetCapabilities: async () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
    async NodePublishVolume({
      volume_id,
      target_path,
      volume_capability,
      readonly,
      volume_context,
    }: NodePublishVolumeRequest) {
      requireFields({ volume_id, target_path });
      requireCapabilities([volume_capability]);
      return lock.run(volume_id, async () => {
        const isEphemeral = volume_context[ephemeralKey] === 'true';
        if (!volumes.get(volume_id)) {
          if (!isEphemeral) throw notFound(`volume ${volume_id} is not there`);
          if (!/^[a-z0-9-]+$/.test(volume_id)) throw invalid(`${volume_id} is no id of an ephemeral volume`);
          const record = { id: volume_id, name: volume_id, bytes: 0, createdMs: clock.now(), isEphemeral };
          await store.create(volumes, record);
        }
        await mkdir(target_path, { recursive: true, mode: 0o750 });
        await mounts.bind(volumes.dataOf(volume_id), target_path, readonly ? ['ro'] : []);
        return {};
      });
    },
    async NodeUnpublishVolume({ volume_id, target_path }) {
      requireFields({ volume_id, target_path });
      return lock.run(volume_id, async () => {
        await mounts.unmount(target_path);
        await ifThere(rmdir(target_path));
        if (volumes.get(volume_id)?.isEphemeral) await store.remove(volumes, volume_id);
        return {};
      });
    },
    async NodeGetVolumeStats({ volume_id, volume_path }) {
      requireFields({ volume_id, volume_path });
      if (!volumes.get(volume_id)) throw notFound(`volume ${volume_id} is not there`);
      if (!(await mounts.isMounted(volume_path)))
        throw notFound(`volume ${volume_id} is not published at ${volume_path}`);
      const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(volume_path);
      const amount = (total: number, free: number, available: number) => ({
        total: String(total),
        used: String(total - free),
        available: String(available),
      });
      const bytes = amount(blocks * bsize, bfree * bsize, bavail * bsize);
      return {
        usage: [
          { ...bytes, unit: 'BYTES' },
          { ...amount(files, ffree, ffree), unit: 'INODES' },
        ],
        volume_condition: { abnormal: false, message: 'the folder is there' },
      };
    },
  };
}

// Makes, grows and removes the volumes of one driver on one node, for claims in the API, and takes snapshots of them: what
// external-provisioner, external-resizer and external-snapshotter's sidecar do beside a driver that runs on every node. The driver
// is spoken to through its socket.

import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { VolumeSnapshotContentKind } from '../../api/snapshot/volume-snapshots.ts';
import type { ClientConfig } from '../../client/config.ts';
import { defineController, toLoop } from '../../client/controller.ts';
import { controllerContext } from '../../client/controller-context.ts';
import { InformerFactory } from '../../client/informer-factory.ts';
import { KubeClient } from '../../client/rest.ts';
import { builtInServedKinds } from '../../client/served-kinds.ts';
import { whileDefined } from '../../client/while-defined.ts';
import type { ComponentContext } from '../../machinery/component.ts';
import { connectCsi } from '../../proto/csi-client.ts';
import { capacityController } from './capacity.ts';
import type { ProvisionerDeps } from './context.ts';
import { provision, wantsVolume } from './provision.ts';
import { reclaim } from './reclaim.ts';
import { Resizer } from './resize.ts';
import { snapshotsController } from './snapshots.ts';
import { Unfinished } from './unfinished.ts';

export interface ProvisionerOptions {
  api: ClientConfig;
  socket: string;
  nodeName: string;
}

type Shared = Pick<ComponentContext, 'clock' | 'random' | 'log' | 'signal'>;

/** Runs until the signal is aborted; the answer frees what it holds then. */
export async function startProvisioner(
  { api, socket, nodeName }: ProvisionerOptions,
  shared: Shared,
): Promise<() => void> {
  const { clock, random, log, signal } = shared;
  const csi = connectCsi(socket);
  const [{ name }, { accessible_topology }, { capabilities }] = await Promise.all([
    csi.identity.GetPluginInfo({}),
    csi.node.NodeGetInfo({}),
    csi.controller.ControllerGetCapabilities({}),
  ]);
  const identity = `${clock.now()}-${Math.floor(random.next() * 10_000)}-${name}`;
  const driver = { name, client: csi, segments: accessible_topology?.segments ?? {}, identity };
  const client = new KubeClient(api, { userAgent: `csi-provisioner/${name}`, clock });
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  const context = controllerContext(client, informers, { kinds: builtInServedKinds, clock, random, log, signal });
  const events = context.recorder(`${name}_${nodeName}`);
  const deps: ProvisionerDeps = {
    client,
    driver,
    nodeName,
    events,
    claim: (key) => informers.informer(PersistentVolumeClaimKind).lister.get(key),
    volume: (key) => informers.informer(PersistentVolumeKind).lister.get(key),
    unfinished: new Unfinished(),
  };
  const can = new Set(capabilities.map(({ rpc }) => rpc?.type));
  const loops = [toLoop(claimsController(deps)), toLoop(volumesController(deps))];
  if (can.has('GET_CAPACITY')) loops.push(toLoop(capacityController(deps)));
  if (can.has('CREATE_DELETE_SNAPSHOT')) {
    const { plural, group } = VolumeSnapshotContentKind;
    const fieldSelector = `metadata.name=${plural}.${group}`;
    loops.push(whileDefined([VolumeSnapshotContentKind], toLoop(snapshotsController(deps)), { fieldSelector }));
  }
  for (const loop of loops) loop.run(context).catch((err) => log.error({ err }, 'the provisioner ended'));
  return () => {
    client.close();
    csi.close();
  };
}

/** Upstream: worker-threads. A copy takes as long as its source is large, and holds up few others. */
const concurrency = 100;

const claimKeys = ({ spec: { claimRef } }: PersistentVolume) =>
  claimRef ? [`${claimRef.namespace}/${claimRef.name}`] : [];

const claimsController = (deps: ProvisionerDeps) =>
  defineController({
    name: 'csi-claims',
    kind: PersistentVolumeClaimKind,
    concurrency,
    related: [
      {
        kind: PersistentVolumeKind,
        keys: (volume: PersistentVolume | undefined, old: PersistentVolume | undefined) => claimKeys((volume ?? old)!),
      },
    ],
    deps: ({ clock }) => ({ clock, resizer: new Resizer(deps) }),
    async reconcile(claim, { clock, resizer }) {
      if (wantsVolume(claim, deps.driver.name)) await provision(deps, claim);
      return resizer.reconcile(claim, clock.now());
    },
    async forget(key, { resizer }) {
      resizer.forget(key);
      await deps.unfinished.settle(key);
    },
  });

const volumesController = (deps: ProvisionerDeps) =>
  defineController({
    name: 'csi-volumes',
    kind: PersistentVolumeKind,
    concurrency,
    deps: () => undefined,
    async reconcile(volume) {
      await reclaim(deps, volume);
    },
  });

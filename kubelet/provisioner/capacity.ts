// How much room the driver says there is on this node for volumes of a class, told to the scheduler while the driver's
// object asks for it: one CSIStorageCapacity a class, the class its owner. Upstream: pkg/capacity of external-provisioner.
// https://kubernetes.io/docs/concepts/storage/storage-capacity/
import { type CSIDriver, CSIDriverKind } from '../../api/storage/csidriver.ts';
import { type CSIStorageCapacity, CSIStorageCapacityKind } from '../../api/storage/csistoragecapacity.ts';
import { type StorageClass, StorageClassKind } from '../../api/storage/storageclass.ts';
import { defineController, type ReconcileResult } from '../../client/controller.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { formatQuantity } from '../../machinery/quantity.ts';
import { sha256 } from '../csi/volume-data.ts';
import { driverParameters, type ProvisionerDeps } from './context.ts';

const namespace = 'kube-system';
/** Nobody tells when a disk fills up. */
const lookAgainMs = 60_000;

export interface CapacityDeps extends Pick<ProvisionerDeps, 'client' | 'driver' | 'nodeName'> {
  driverObject(): CSIDriver | undefined;
  capacity(key: string): CSIStorageCapacity | undefined;
}

export async function publishCapacity(
  { client, driver, nodeName, driverObject, capacity }: CapacityDeps,
  { metadata, provisioner, parameters, volumeBindingMode }: StorageClass,
): Promise<ReconcileResult | undefined> {
  if (provisioner !== driver.name || volumeBindingMode !== 'WaitForFirstConsumer') return undefined;
  const storageClassName = metadata.name ?? '';
  const name = `csisc-${sha256(`${driver.name}/${nodeName}/${storageClassName}`).slice(0, 16)}`;
  const objects = client.resource(CSIStorageCapacityKind);
  const known = capacity(`${namespace}/${name}`);
  if (driverObject()?.spec.storageCapacity !== true) {
    if (known) await unlessGone(objects.delete({ namespace, name }));
    return undefined;
  }
  const matchLabels = { ...driver.segments };
  const room = await driver.client.controller.GetCapacity({
    parameters: driverParameters(parameters),
    accessible_topology: { segments: matchLabels },
  });
  const owner = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name: storageClassName, controller: true };
  const labels = { 'csi.storage.k8s.io/drivername': driver.name };
  const wanted: CSIStorageCapacity = {
    metadata: known?.metadata ?? { name, namespace, labels, ownerReferences: [{ ...owner, uid: metadata.uid ?? '' }] },
    storageClassName,
    nodeTopology: { matchLabels },
    capacity: quantityOf(room.available_capacity),
    ...(room.maximum_volume_size ? { maximumVolumeSize: quantityOf(room.maximum_volume_size.value) } : {}),
  };
  if (!known) await objects.create(wanted);
  else if (!jsonEqual(wanted, known)) await objects.update(wanted);
  return { requeueAfterMs: lookAgainMs };
}

const quantityOf = (bytes: string) => formatQuantity({ nanos: BigInt(bytes) * 1_000_000_000n, format: 'BinarySI' });

export const capacityController = (deps: Pick<ProvisionerDeps, 'client' | 'driver' | 'nodeName'>) =>
  defineController({
    name: 'csi-capacity',
    kind: StorageClassKind,
    owns: [CSIStorageCapacityKind],
    related: [
      {
        kind: CSIDriverKind,
        keys: (_object, _old, { classNames }: CapacityDeps & { classNames(): string[] }) => classNames(),
      },
    ],
    deps: ({ informer }) => ({
      ...deps,
      classNames: () =>
        informer(StorageClassKind)
          .lister.list()
          .map(({ metadata }) => metadata.name ?? ''),
      driverObject: () => informer(CSIDriverKind).lister.get(deps.driver.name),
      capacity: (key: string) => informer(CSIStorageCapacityKind).lister.get(key),
    }),
    reconcile: (storageClass, own) => publishCapacity(own, storageClass),
  });

// Step: the objects by which the nodes' own storage is used: the driver, what it may do in the API, and the default class.
import { defaultSnapshotClass, snapshotGroup, VolumeSnapshotClassKind } from '../../api/snapshot/volume-snapshots.ts';
import { isTrue } from '../../machinery/conditions.ts';
import { type Asking, applyObject, createIfAbsent, isThere, watchObject } from '../api-request.ts';
import { storageUser } from '../pki/plan.ts';
import { explained, type UpContext } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import { clusterRole, clusterRoleBinding, rbacPath, rule } from './rbac.ts';
import type { Step } from './run-steps.ts';
import { snapshotDefinitions } from './snapshot-definitions.ts';

const driverName = 'hostpath.csi.k8ts.io';
const className = 'standard';
const storage = '/apis/storage.k8s.io/v1';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const read = ['get', 'list', 'watch'];

const role = clusterRole(storageUser, [
  rule([''], ['persistentvolumes'], [...read, 'create', 'delete', 'patch', 'update']),
  rule([''], ['persistentvolumeclaims'], [...read, 'patch', 'update']),
  rule([''], ['persistentvolumeclaims/status'], ['patch', 'update']),
  rule(['storage.k8s.io'], ['storageclasses', 'csidrivers'], read),
  rule(['storage.k8s.io'], ['csistoragecapacities'], [...read, 'create', 'delete', 'update']),
  rule(['apiextensions.k8s.io'], ['customresourcedefinitions'], read),
  rule([snapshotGroup], ['volumesnapshots', 'volumesnapshotclasses', 'volumesnapshotcontents'], read),
  rule([snapshotGroup], ['volumesnapshotcontents', 'volumesnapshotcontents/status'], ['patch', 'update']),
  rule(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']),
]);

const binding = clusterRoleBinding(storageUser, storageUser, { kind: 'Group', name: storageUser });

const driver = {
  kind: 'CSIDriver',
  apiVersion: 'storage.k8s.io/v1',
  metadata: { name: driverName },
  spec: {
    attachRequired: false,
    podInfoOnMount: true,
    fsGroupPolicy: 'File',
    // Sizes are not enforced: a claim may ask for more than the disk has. Who wants the scheduler to look sets it.
    storageCapacity: false,
    volumeLifecycleModes: ['Persistent', 'Ephemeral'],
  },
};

const storageClass = {
  kind: 'StorageClass',
  apiVersion: 'storage.k8s.io/v1',
  metadata: { name: className, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: driverName,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};

const snapshotClass = {
  kind: VolumeSnapshotClassKind.kind,
  apiVersion: VolumeSnapshotClassKind.apiVersion,
  metadata: { name: className, annotations: { [defaultSnapshotClass]: 'true' } },
  driver: driverName,
  deletionPolicy: 'Delete',
};

/** The kinds of snapshots, and with the kind of classes a first one; also where an `up` before ended in between. */
async function defineSnapshots(asking: Asking, isFirst: boolean): Promise<void> {
  const [isNew] = await Promise.all(snapshotDefinitions.map((one) => createIfAbsent(asking, definitions, one)));
  if (!isNew && !isFirst) return;
  const { apiVersion, plural } = VolumeSnapshotClassKind;
  for await (const { status } of watchObject(asking, definitions, `${plural}.${snapshotGroup}`)) {
    const isServed = isTrue(status?.conditions, 'Established');
    if (isServed) return void (await createIfAbsent(asking, `/apis/${apiVersion}/${plural}`, snapshotClass));
  }
}

export const storageStep: Step<UpContext> = {
  title: 'Storage class',
  after: [apiserverStep.title],
  async run(context, signal) {
    await explained(context, { problem: 'the storage class cannot be made', signal }, async (asking) => {
      await applyObject(asking, rbacPath('clusterroles'), role);
      await createIfAbsent(asking, rbacPath('clusterrolebindings'), binding);
      // Once: whoever removes a class or makes it another one does not get it back by the next `up`. The driver comes last.
      const isFirst = !(await isThere(asking, `${storage}/csidrivers/${driverName}`));
      await defineSnapshots(asking, isFirst);
      if (!isFirst) return;
      await createIfAbsent(asking, `${storage}/storageclasses`, storageClass);
      await createIfAbsent(asking, `${storage}/csidrivers`, driver);
    });
    return className;
  },
};

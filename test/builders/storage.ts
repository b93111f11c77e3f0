// Claims, volumes and classes for tests, in one line: `claim('c', { storageClassName: 'fast' })`. Frozen like cached objects.
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { StorageClass } from '../../api/storage/storageclass.ts';
import { deepFreeze } from '../../machinery/json.ts';

type Metadata = { annotations?: Record<string, string> } & Record<string, unknown>;

/** Asks for 1Gi of no class, once. */
export function claim(name: string, spec: object = {}, metadata: Metadata = {}, status: object = {}) {
  return deepFreeze({
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      volumeMode: 'Filesystem',
      ...spec,
    },
    status: { phase: 'Pending', ...status },
  }) as unknown as PersistentVolumeClaim;
}

/** As the claim is once it has the volume. */
export const boundClaim = (name: string, volumeName: string, spec: object = {}) =>
  claim(
    name,
    { volumeName, ...spec },
    { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    { phase: 'Bound' },
  );

/** 1Gi of the machine, for one node at a time, free. */
export function volume(name: string, spec: object = {}, metadata: Metadata = {}, phase = 'Available') {
  return deepFreeze({
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: `/data/${name}` },
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      ...spec,
    },
    status: { phase },
  }) as unknown as PersistentVolume;
}

/** What a volume says of the claim that has it; without a uid it is only kept for one of the name. */
export const refTo = (name: string, uid: string | undefined = `uid-${name}`) => ({
  claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace: 'default', name, ...(uid ? { uid } : {}) },
});

/** Only the node of that name reaches it. */
export const onNode = (node: string) => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
    },
  },
});

export function storageClass(name: string, more: object = {}): StorageClass {
  return deepFreeze({
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
    provisioner: 'csi.example.com',
    volumeBindingMode: 'Immediate',
    ...more,
  }) as unknown as StorageClass;
}

export const delayed = { volumeBindingMode: 'WaitForFirstConsumer' };

// What the parts of the provisioner share.
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { CsiClient } from '../../proto/csi-client.ts';
import type { Unfinished } from './unfinished.ts';

export interface Driver {
  name: string;
  client: CsiClient;
  /** Where volumes of this node can be reached, as labels of nodes. */
  segments: Readonly<Record<string, string>>;
  /** Names whoever has made a volume, in its attributes. */
  identity: string;
}

export interface ProvisionerDeps {
  client: KubeClient;
  driver: Driver;
  nodeName: string;
  events: EventRecorder;
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  unfinished: Unfinished;
}

/** Parameters of a class with this prefix are for whoever calls the driver. */
export const parameterPrefix = 'csi.storage.k8s.io/';
/** What of a class's parameters the driver gets. */
export const driverParameters = (parameters: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.entries(parameters).filter(([key]) => !key.startsWith(parameterPrefix)));

export const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
export const selectedNode = 'volume.kubernetes.io/selected-node';

/** Whether a persistent volume is this driver's, and lies on this node. */
export function isOurs({ spec }: PersistentVolume, { name, segments }: Driver): boolean {
  if (spec.csi?.driver !== name) return false;
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return terms.some(({ matchExpressions = [] }) =>
    Object.entries(segments).every(([key, value]) =>
      matchExpressions.some((e) => e.key === key && e.values?.includes(value)),
    ),
  );
}

// Keeps as many pods of a replication controller as it asks for: a replica set with labels for a selector. Upstream:
// pkg/controller/replication.
import type { ReplicaSet } from '../api/apps/replicaset.ts';
import { type ReplicationController, ReplicationControllerKind } from '../api/core/replicationcontroller.ts';
import { replicaController } from './replicaset.ts';

/** Without a selector it has no pods, and not all of them. Pure. */
export function asReplicaSet(controller: ReplicationController): ReplicaSet {
  const { selector, ...spec } = controller.spec;
  return {
    ...controller,
    spec: { ...spec, ...(selector ? { selector: { matchLabels: selector } } : {}) },
  } as ReplicaSet;
}

export const replicationController = replicaController<ReplicationController>({
  name: 'replicationcontroller-controller',
  component: 'replication-controller',
  kind: ReplicationControllerKind,
  asSet: asReplicaSet,
  statusOf: ({ terminatingReplicas: _, ...status }) => status,
});

// What makes groups of pods for a scheduler under test: informers that are fed by hand.
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import type { ReplicationController } from '../../api/core/replicationcontroller.ts';
import type { Service } from '../../api/core/service.ts';
import type { GroupInformers } from '../../scheduler/cache/pod-groups.ts';
import { FedInformer } from './fed-informer.ts';

export class FedGroups implements GroupInformers {
  readonly services = new FedInformer<Service>();
  readonly replicationControllers = new FedInformer<ReplicationController>();
  readonly replicaSets = new FedInformer<ReplicaSet>();
  readonly statefulSets = new FedInformer<StatefulSet>();
}

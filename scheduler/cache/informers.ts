// What the scheduler watches.
import { NamespaceKind } from '../../api/core/namespace.ts';
import { NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { PodDisruptionBudgetKind } from '../../api/policy/poddisruptionbudget.ts';
import type { InformerFactory } from '../../client/informer-factory.ts';
import { groupInformers } from './pod-groups.ts';
import { storageInformers } from './volumes.ts';

export const clusterInformers = (informer: InformerFactory['informer']) => ({
  pods: informer(PodKind, { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }),
  nodes: informer(NodeKind),
  namespaces: informer(NamespaceKind),
  budgets: informer(PodDisruptionBudgetKind),
  storage: storageInformers(informer),
  groups: groupInformers(informer),
});

// Pod: containers that run together on one node.

import { defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { podSpec } from './pod/pod-spec.ts';
import { podStatus } from './pod/pod-status.ts';

export const podSchema = s.object('io.k8s.api.core.v1.Pod', 'Containers that run together on one node.', {
  ...typeMeta,
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
  spec: s.field(podSpec, 'What should run.', { always: true }),
  status: s.field(podStatus, 'What runs; written by the kubelet.', { always: true }),
});
export interface Pod extends ObjectOf<typeof podSchema> {}

export const PodKind = defineKind<Pod>({
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  shortNames: ['po'],
  categories: ['all'],
  served: [{ group: '', version: 'v1', schema: podSchema }],
  subresources: {
    status: true,
    custom: [
      { name: 'attach', verbs: ['create', 'get'], kind: { group: '', version: 'v1', kind: 'PodAttachOptions' } },
      { name: 'binding', verbs: ['create'], kind: { group: '', version: 'v1', kind: 'Binding' } },
      { name: 'ephemeralcontainers', verbs: ['get', 'patch', 'update'] },
      { name: 'eviction', verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
      { name: 'exec', verbs: ['create', 'get'], kind: { group: '', version: 'v1', kind: 'PodExecOptions' } },
      { name: 'log', verbs: ['get'] },
      {
        name: 'portforward',
        verbs: ['create', 'get'],
        kind: { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
      },
      {
        name: 'proxy',
        verbs: ['create', 'delete', 'get', 'patch', 'update'],
        kind: { group: '', version: 'v1', kind: 'PodProxyOptions' },
      },
      { name: 'resize', verbs: ['get', 'patch', 'update'] },
    ],
  },
});

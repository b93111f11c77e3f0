// Node: a machine that runs pods.
// Registered by its own kubelet, which reports its state in the status.
// https://kubernetes.io/docs/concepts/architecture/nodes/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { nodeColumns } from './node/columns.ts';
import { nodeConfigSource, nodeStatus } from './node/node-status.ts';
import { taint } from './node/taint.ts';
import { validateNode, validateNodeStatus, validateNodeUpdate } from './node/validation.ts';

export type { Taint } from './node/taint.ts';

const nodeSpec = s.api('core.v1.NodeSpec', 'Desired state of a node.', {
  configSource: s.field(nodeConfigSource, 'Dynamic kubelet configuration; no longer used.'),
  externalID: s.string('Former machine id; no longer used.'),
  podCIDR: s.string('Address range for the pods of this node.'),
  podCIDRs: s.list(s.string(''), 'Address ranges for pods, one per IP family; the first equals podCIDR.', {
    listType: 'set',
    patchStrategy: 'merge',
  }),
  providerID: s.string('Id of the machine at its cloud provider.'),
  taints: s.list(taint, 'Keep pods away that do not tolerate them.', atomic),
  unschedulable: s.boolean('No new pods are scheduled here; set by cordon.'),
});

const schema = s.api('core.v1.Node', 'A machine that runs pods.', {
  ...objectFields,
  spec: s.field(nodeSpec, 'What the node should be.', { always: true }),
  status: s.field(nodeStatus, 'What the node reports; written by its kubelet.', { always: true }),
});
export interface Node extends ObjectOf<typeof schema> {}

export const NodeKind = defineKind<Node>({
  kind: 'Node',
  plural: 'nodes',
  scope: 'Cluster',
  shortNames: ['no'],
  served: [{ group: '', version: 'v1', schema, setDefaults }],
  subresources: {
    status: true,
    custom: [
      {
        name: 'proxy',
        verbs: ['create', 'delete', 'get', 'patch', 'update'],
        kind: { group: '', version: 'v1', kind: 'NodeProxyOptions' },
      },
    ],
  },
  keepsStatusOnCreate: true,
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec.unschedulable ?? false) },
  columns: nodeColumns,
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  validateStatusUpdate: validateNodeStatus,
  warnings: ({ spec }) => [
    ...(spec.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
  ],
});

function setDefaults(node: Node): void {
  const { spec, status } = node;
  // podCIDR is the first of podCIDRs; writers may give either.
  if (spec.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR];
  if (spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
  if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
}

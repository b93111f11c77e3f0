// What `kubectl get nodes` shows. Upstream: printNode in pkg/printers/internalversion.
import type { Column } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';
import type { Node } from '../node.ts';

function showStatus(node: Node): string {
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return node.spec.unschedulable ? `${word},SchedulingDisabled` : word;
}

const rolePrefix = 'node-role.kubernetes.io/';

function showRoles(node: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    if (key === 'kubernetes.io/role' && value) roles.add(value);
  }
  return [...roles].sort().join(',') || '<none>';
}

function addressOf(node: Node, type: string): string {
  return node.status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}

export const nodeColumns: readonly Column<Node>[] = [
  { name: 'Status', type: 'string', doc: 'Whether it is ready and takes pods.', cell: showStatus },
  { name: 'Roles', type: 'string', doc: 'Roles named by its labels.', cell: showRoles },
  ageColumn,
  {
    name: 'Version',
    type: 'string',
    doc: 'Version of its kubelet.',
    cell: (node) => node.status?.nodeInfo?.kubeletVersion ?? '',
  },
  {
    name: 'Internal-IP',
    type: 'string',
    priority: 1,
    doc: 'Address within the cluster.',
    cell: (node) => addressOf(node, 'InternalIP'),
  },
  {
    name: 'External-IP',
    type: 'string',
    priority: 1,
    doc: 'Address outside the cluster.',
    cell: (node) => addressOf(node, 'ExternalIP'),
  },
  {
    name: 'OS-Image',
    type: 'string',
    priority: 1,
    doc: 'Operating system.',
    cell: (node) => node.status?.nodeInfo?.osImage || '<unknown>',
  },
  {
    name: 'Kernel-Version',
    type: 'string',
    priority: 1,
    doc: 'Kernel release.',
    cell: (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>',
  },
  {
    name: 'Container-Runtime',
    type: 'string',
    priority: 1,
    doc: 'Container runtime and its version.',
    cell: (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  },
];

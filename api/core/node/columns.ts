// What `kubectl get nodes` shows. Upstream: printNode in pkg/printers/internalversion.
import { type Column, column, wideColumn } from '../../../machinery/kind.ts';
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
  column('Status', 'string', 'Whether it is ready and takes pods.', showStatus),
  column('Roles', 'string', 'Roles named by its labels.', showRoles),
  ageColumn,
  column('Version', 'string', 'Version of its kubelet.', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
  wideColumn('Internal-IP', 'string', 'Address within the cluster.', (node) => addressOf(node, 'InternalIP')),
  wideColumn('External-IP', 'string', 'Address outside the cluster.', (node) => addressOf(node, 'ExternalIP')),
  wideColumn('OS-Image', 'string', 'Operating system.', (node) => node.status?.nodeInfo?.osImage || '<unknown>'),
  wideColumn(
    'Kernel-Version',
    'string',
    'Kernel release.',
    (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>',
  ),
  wideColumn(
    'Container-Runtime',
    'string',
    'Container runtime and its version.',
    (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  ),
];

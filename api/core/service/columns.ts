// What `kubectl get services` shows. Upstream: printService in pkg/printers/internalversion.
import type { Column } from '../../../machinery/kind.ts';
import { formatLabels } from '../../../machinery/labels.ts';
import { ageColumn, orNone } from '../../meta/columns.ts';
import type { Service } from '../service.ts';

function showExternalIP({ spec, status }: Service): string {
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  const external = spec.externalIPs ?? [];
  if (spec.type !== 'LoadBalancer') return orNone(external.join(','));
  const ingress = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter(Boolean);
  return [...new Set(ingress)].sort().concat(external).join(',') || '<pending>';
}

function showPorts({ spec }: Service): string {
  const shown = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return orNone(shown.join(','));
}

export const serviceColumns: readonly Column<Service>[] = [
  {
    name: 'Type',
    type: 'string',
    doc: 'ClusterIP, NodePort, LoadBalancer or ExternalName.',
    cell: (service) => service.spec.type ?? '',
  },
  { name: 'Cluster-IP', type: 'string', doc: 'Virtual address.', cell: (service) => orNone(service.spec.clusterIP) },
  { name: 'External-IP', type: 'string', doc: 'Where outside clients reach it.', cell: showExternalIP },
  { name: 'Port(s)', type: 'string', doc: 'Ports, with their node ports.', cell: showPorts },
  ageColumn,
  {
    name: 'Selector',
    type: 'string',
    priority: 1,
    doc: 'Labels of the pods behind it.',
    cell: (service) => formatLabels(service.spec.selector),
  },
];

// What `kubectl get services` shows. Upstream: printService in pkg/printers/internalversion.
import { type Column, column, wideColumn } from '../../../machinery/kind.ts';
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
  column('Type', 'string', 'ClusterIP, NodePort, LoadBalancer or ExternalName.', (service) => service.spec.type ?? ''),
  column('Cluster-IP', 'string', 'Virtual address.', (service) => orNone(service.spec.clusterIP)),
  column('External-IP', 'string', 'Where outside clients reach it.', showExternalIP),
  column('Port(s)', 'string', 'Ports, with their node ports.', showPorts),
  ageColumn,
  wideColumn('Selector', 'string', 'Labels of the pods behind it.', (service) => formatLabels(service.spec.selector)),
];

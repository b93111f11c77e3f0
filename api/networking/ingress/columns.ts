// What `kubectl get ingresses` shows. Upstream: printIngress in pkg/printers/internalversion.
import type { Column } from '../../../machinery/kind.ts';
import { ageColumn, orNone } from '../../meta/columns.ts';
import type { Ingress } from './schema.ts';

const maxHosts = 3;

/** The hosts of the first rules; `*` where none names one. */
function showHosts({ spec }: Ingress): string {
  const rules = spec.rules ?? [];
  const hosts: string[] = [];
  let isMore = false;
  for (const { host } of rules) {
    if (hosts.length === maxHosts) isMore = true;
    else if (host) hosts.push(host);
  }
  if (hosts.length === 0) return '*';
  return isMore ? `${hosts.join(',')} + ${rules.length - maxHosts} more...` : hosts.join(',');
}

function showAddresses({ status }: Ingress): string {
  const entries = (status?.loadBalancer?.ingress ?? []).map(({ hostname, ip }) => ip || hostname || '');
  return [...new Set(entries.filter(Boolean))].sort().join(',');
}

export const ingressColumns: readonly Column<Ingress>[] = [
  {
    name: 'Class',
    type: 'string',
    doc: 'The class whose controller serves it.',
    cell: ({ spec }) => (spec.ingressClassName === undefined ? orNone('') : spec.ingressClassName),
  },
  { name: 'Hosts', type: 'string', doc: 'Hosts that it answers for.', cell: showHosts },
  { name: 'Address', type: 'string', doc: 'Where requests come in.', cell: showAddresses },
  {
    name: 'Ports',
    type: 'string',
    doc: 'Ports on which requests come in.',
    cell: ({ spec }) => (spec.tls?.length ? '80, 443' : '80'),
  },
  ageColumn,
];

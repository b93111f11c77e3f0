// What `kubectl get ingresses` shows. Upstream: printIngress in pkg/printers/internalversion.
import { type Column, column } from '../../../machinery/kind.ts';
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
  column('Class', 'string', 'The class whose controller serves it.', ({ spec }) =>
    spec.ingressClassName === undefined ? orNone('') : spec.ingressClassName,
  ),
  column('Hosts', 'string', 'Hosts that it answers for.', showHosts),
  column('Address', 'string', 'Where requests come in.', showAddresses),
  column('Ports', 'string', 'Ports on which requests come in.', ({ spec }) => (spec.tls?.length ? '80, 443' : '80')),
  ageColumn,
];

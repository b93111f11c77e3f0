// What a service says that is of old, or does nothing. Upstream: pkg/api/service/warnings.go.
import { warnOfCIDR, warnOfIP } from '../../meta/addresses.ts';
import type { Service } from '../service.ts';
import { topologyHints, topologyMode } from './validation.ts';

export function warnOfService({ metadata, spec }: Service): string[] {
  const { type, clusterIP, clusterIPs = [], externalIPs = [], loadBalancerIP = '', externalName } = spec;
  const isExternal = type === 'ExternalName';
  const isHeadless = type === 'ClusterIP' && clusterIP === 'None';
  const hasOutside = externalIPs.length > 0;
  const said: [boolean, string][] = [
    [isHeadless && loadBalancerIP !== '', 'spec.loadBalancerIP is ignored for headless services'],
    [isHeadless && hasOutside, 'spec.externalIPs is ignored for headless services'],
    [isHeadless && spec.sessionAffinity !== 'None', 'spec.SessionAffinity is ignored for headless services'],
    [
      hasOutside && !isHeadless && !isExternal,
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    ],
    [isExternal && hasOutside, 'spec.externalIPs is ignored when spec.type is "ExternalName"'],
    [!isExternal && !!externalName, 'spec.externalName is ignored when spec.type is not "ExternalName"'],
    [
      spec.trafficDistribution === 'PreferClose',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
    [
      metadata.annotations?.[topologyHints] !== undefined,
      `annotation ${topologyHints} is deprecated, please use ${topologyMode} instead`,
    ],
  ];
  return [
    ...said.filter(([applies]) => applies).map(([, text]) => text),
    ...clusterIPs.flatMap((ip, i) => warnOfIP(ip, `spec.clusterIPs[${i}]`)),
    ...externalIPs.flatMap((ip, i) => warnOfIP(ip, `spec.externalIPs[${i}]`)),
    ...warnOfIP(loadBalancerIP, 'spec.loadBalancerIP'),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, i) =>
      warnOfCIDR(range, `spec.loadBalancerSourceRanges[${i}]`),
    ),
  ];
}

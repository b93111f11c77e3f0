// Validation of services. Whether addresses and ports are free is known to the allocators of the API server.
// Upstream: ValidateService in pkg/apis/core/validation.
import { append, duplicate, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { parseIP } from '../../../machinery/ip.ts';
import { ipFamilyOf, validateCIDR, validateIP } from '../../meta/addresses.ts';
import {
  validateDNSLabel,
  validateDNSSubdomain,
  validateOptionalWord,
  validatePortNumber,
  validatePortNumberOrName,
  validateQualifiedName,
  validateWord,
} from '../../meta/checks.ts';
import { validateLabels } from '../../meta/validation.ts';
import type { Service, ServiceSpec } from '../service.ts';
import { needsHealthPort } from './allocated-fields.ts';
import { isExternallyAccessible } from './defaults.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const trafficPolicies = ['Cluster', 'Local'];
const maxAffinitySeconds = 86_400;

const isHeadless = ({ clusterIPs }: ServiceSpec) => clusterIPs?.length === 1 && clusterIPs[0] === 'None';
const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";
/** How a service asks for hints, and how it did before. */
export const topologyMode = 'service.kubernetes.io/topology-mode';
export const topologyHints = 'service.kubernetes.io/topology-aware-hints';
const sourceRanges = 'service.beta.kubernetes.io/load-balancer-source-ranges';

export function validateService(service: Service): FieldError[] {
  const { spec, metadata } = service;
  const { [topologyMode]: mode, [topologyHints]: hints } = metadata.annotations ?? {};
  const errors: FieldError[] = [];
  if (mode !== undefined && hints !== undefined && mode !== hints) {
    const detail = `must match annotations[${topologyHints}] when both are specified`;
    errors.push(invalid(`metadata.annotations[${topologyMode}]`, mode, detail));
  }
  const needsPorts = !isHeadless(spec) && spec.type !== 'ExternalName';
  if (needsPorts && !spec.ports?.length) errors.push(required('spec.ports'));
  return [
    ...errors,
    ...validateByType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...(spec.type === 'ExternalName' ? [] : validateAddresses(spec)),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => validateExternalAddress(ip, `spec.externalIPs[${i}]`)),
    ...validateOptionalWord(spec.type, types, 'spec.type'),
    ...validateSourceRanges(service),
    ...validateLoadBalancerFields(spec),
    ...validateTraffic(service),
  ];
}

function validateByType(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') {
    const given = {
      clusterIPs: spec.clusterIPs?.length,
      ipFamilies: spec.ipFamilies?.length,
      ipFamilyPolicy: spec.ipFamilyPolicy,
    };
    const errors = Object.entries(given)
      .filter(([, value]) => value)
      .map(([field]) => forbidden(`spec.${field}`, 'may not be set for ExternalName services'));
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    const at = 'spec.externalName';
    return [...errors, ...(name ? validateDNSSubdomain(name, at) : [required(at)])];
  }
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec)) {
    const detail = `may not be set to 'None' for ${spec.type} services`;
    return [invalid('spec.clusterIPs[0]', 'None', detail)];
  }
  return [];
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const numbers = new Set<string>();
  const duplicates: FieldError[] = [];
  for (const [i, port] of ports.entries()) {
    const at = `spec.ports[${i}]`;
    if (!port.name) {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else {
      append(errors, validateDNSLabel(port.name, `${at}.name`));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    append(errors, validatePortNumber(port.port, `${at}.port`));
    append(errors, validateWord(port.protocol, protocols, `${at}.protocol`));
    append(errors, validatePortNumberOrName(port.targetPort ?? 0, `${at}.targetPort`));
    if (port.appProtocol !== undefined) append(errors, validateQualifiedName(port.appProtocol, `${at}.appProtocol`));
    if (port.nodePort) {
      if (spec.type === 'ClusterIP') {
        errors.push(forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
      }
      const key = `${port.protocol}/${port.nodePort}`;
      if (nodePorts.has(key)) errors.push(duplicate(`${at}.nodePort`, port.nodePort));
      nodePorts.add(key);
    }
    const key = `${port.protocol}/${port.port}`;
    // Shown as upstream's error shows it: the bare key of the port.
    const shown = { Name: '', Protocol: port.protocol, AppProtocol: null, Port: port.port, TargetPort: 0, NodePort: 0 };
    if (numbers.has(key)) duplicates.push(duplicate(at, shown));
    numbers.add(key);
  }
  return [...errors, ...duplicates];
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  const errors = validateWord(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity');
  const at = 'spec.sessionAffinityConfig';
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig) {
    errors.push(forbidden(at, 'must not be set when session affinity is None'));
  }
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (spec.sessionAffinity === 'ClientIP' && seconds !== undefined && (seconds <= 0 || seconds > maxAffinitySeconds)) {
    const detail = `must be greater than 0 and less than ${maxAffinitySeconds}`;
    errors.push(invalid(`${at}.clientIP.timeoutSeconds`, seconds, detail));
  }
  return errors;
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const { clusterIP, clusterIPs: addresses = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const at = 'spec.clusterIPs';
  const errors: FieldError[] = [];
  const complain = (detail: string) => errors.push(invalid(at, addresses, detail));
  if (clusterIP) {
    if (addresses.length === 0) errors.push(required(at));
    else if (addresses[0] !== clusterIP) complain('first value must match `clusterIP`');
  } else if (addresses.length > 0) complain('must be empty when `clusterIP` is not specified');
  const seen = new Set<string>();
  for (const [i, family] of ipFamilies.entries()) {
    append(errors, validateOptionalWord(family, ['IPv4', 'IPv6'], `spec.ipFamilies[${i}]`));
    if (seen.has(family)) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
    seen.add(family);
  }
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  append(errors, validateOptionalWord(ipFamilyPolicy, policies, 'spec.ipFamilyPolicy'));
  const isNone = addresses[0] === 'None';
  if (isNone && addresses.length > 1) complain("'None' must be the first and only value");
  const wrong = addresses.flatMap((ip, i) => (isNone && i === 0 ? [] : validateIP(ip, `${at}[${i}]`)));
  append(errors, wrong);
  if (addresses.length > 2) complain('may only hold up to 2 values');
  if (wrong.length > 0 || isNone) return errors;
  const families = addresses.map((ip) => `IPv${ipFamilyOf(ip)}`);
  if (addresses.length > 1 && new Set(families).size < 2)
    complain('may specify no more than one IP for each IP family');
  for (const [i, family] of ipFamilies.slice(0, addresses.length).entries()) {
    if (family === families[i] || (family !== 'IPv4' && family !== 'IPv6')) continue;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalid(`${at}[${i}]`, addresses[i], detail));
  }
  return errors;
}

/** Addresses that nothing from elsewhere arrives at: what they are, the bits that follow, the value in front of them. */
const specialRanges = [
  ['may not be in the loopback range (127.0.0.0/8, ::1/128)', { 4: [24n, 127n], 6: [0n, 1n] }],
  ['may not be in the link-local range (169.254.0.0/16, fe80::/10)', { 4: [16n, 0xa9fen], 6: [118n, 0x3fan] }],
  [
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    { 4: [8n, 0xe00000n], 6: [112n, 0xff02n] },
  ],
] as const;

/** What is wrong with a good address that traffic should arrive at. */
export function validateNonSpecialAddress(address: string, path: string): FieldError[] {
  const ip = parseIP(address);
  if (!ip) return [invalid(path, address, 'must be a valid IP address')];
  const { family, value } = ip;
  if (value === 0n) return [invalid(path, address, `may not be unspecified (${address})`)];
  return specialRanges.flatMap(([detail, ranges]) => {
    const [bits, start] = ranges[family];
    // Multicast of any flags is link-local by its scope.
    const front = (value >> bits) & (start === 0xff02n ? 0xff0fn : -1n);
    return front === start ? [invalid(path, address, detail)] : [];
  });
}

/** An address that traffic from elsewhere can arrive at. */
export function validateExternalAddress(address: string, path: string): FieldError[] {
  const errors = validateIP(address, path);
  return errors.length > 0 ? errors : validateNonSpecialAddress(address, path);
}

/** The field, or the annotation that it had before. */
function validateSourceRanges({ spec, metadata }: Service): FieldError[] {
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const annotation = metadata.annotations?.[sourceRanges];
  const fromField = ranges.length > 0;
  if (!fromField && annotation === undefined) return [];
  const at = fromField ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${sourceRanges}]`;
  const errors = spec.type === 'LoadBalancer' ? [] : [forbidden(at, onlyBalanced)];
  const given = fromField ? ranges : annotation?.trim() ? annotation.split(',') : [];
  return [
    ...errors,
    ...given.flatMap((range, i) => validateCIDR(range.trim(), fromField ? `spec.LoadBalancerSourceRanges[${i}]` : at)),
  ];
}

function validateLoadBalancerFields(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isLoadBalancer = spec.type === 'LoadBalancer';
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', onlyBalanced));
  }
  if (spec.loadBalancerClass === undefined) return errors;
  if (!isLoadBalancer) errors.push(forbidden('spec.loadBalancerClass', onlyBalanced));
  else append(errors, validateQualifiedName(spec.loadBalancerClass, 'spec.loadBalancerClass'));
  return errors;
}

function validateTraffic(service: Service): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  const external = 'spec.externalTrafficPolicy';
  if (isExternallyAccessible(service))
    append(errors, validateWord(spec.externalTrafficPolicy, trafficPolicies, external));
  else if (spec.externalTrafficPolicy) {
    const detail = 'may only be set for externally-accessible services';
    errors.push(invalid(external, spec.externalTrafficPolicy, detail));
  }
  if (spec.healthCheckNodePort && !needsHealthPort(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid('spec.healthCheckNodePort', spec.healthCheckNodePort, detail));
  }
  const internal = 'spec.internalTrafficPolicy';
  if (spec.internalTrafficPolicy === undefined && ['NodePort', 'LoadBalancer', 'ClusterIP'].includes(spec.type ?? '')) {
    errors.push(required(internal));
  } else {
    append(errors, validateOptionalWord(spec.internalTrafficPolicy, trafficPolicies, internal));
  }
  const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
  append(errors, validateOptionalWord(spec.trafficDistribution, distributions, 'spec.trafficDistribution'));
  return errors;
}

/** What is given out, or chosen, for as long as the service is of a type that has it. */
export function validateServiceUpdate(next: Service, old: Service): FieldError[] {
  const errors = [...validateIPUpdate(next.spec, old.spec), ...validateFamilyUpdate(next.spec, old.spec)];
  const { healthCheckNodePort: port, loadBalancerClass: name } = next.spec;
  if (needsHealthPort(next.spec) && needsHealthPort(old.spec) && port !== old.spec.healthCheckNodePort) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
  const isBalanced = next.spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer';
  if (isBalanced && name !== old.spec.loadBalancerClass) {
    errors.push(invalid('spec.loadBalancerClass', name ?? null, 'may not change once set'));
  }
  return errors;
}

const fixedText = 'may not change once set';

/** A second address or family is given up on purpose. */
function validateRelease({ ipFamilyPolicy: policy }: ServiceSpec, what: string): FieldError[] {
  const detail = `must be set to 'SingleStack' when releasing the secondary ${what}`;
  return policy === 'SingleStack' ? [] : [invalid('spec.ipFamilyPolicy', policy, detail)];
}

/** A virtual address is for life, unless the service gives it up altogether. */
function validateIPUpdate(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (next.type === 'ExternalName' || old.type === 'ExternalName' || (isHeadless(next) && isHeadless(old))) return [];
  const [is, was] = [next.clusterIPs ?? [], old.clusterIPs ?? []];
  const at = (i: number) => `spec.clusterIPs[${i}]`;
  if (was.length > 0 && is.length === 0) return [invalid(at(0), next.clusterIPs, 'primary clusterIP can not be unset')];
  const compared = is.length === was.length ? was : was.slice(0, 1);
  const errors = compared.flatMap((ip, i) => (ip === is[i] ? [] : [invalid(at(i), is, fixedText)]));
  return was.length > is.length && is.length === 1 ? [...errors, ...validateRelease(next, 'clusterIP')] : errors;
}

function validateFamilyUpdate(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  const isOther = next.type === 'ExternalName' || old.type === 'ExternalName';
  if (isOther || isHeadless(next) || isHeadless(old)) return [];
  const [is, was] = [next.ipFamilies ?? [], old.ipFamilies ?? []];
  const at = 'spec.ipFamilies[0]';
  // With another number of families upstream shows the addresses.
  if (is.length === was.length) return was.flatMap((ip, i) => (ip === is[i] ? [] : [invalid(at, is, fixedText)]));
  const errors = is.length > 0 && was.length > 0 && is[0] !== was[0] ? [invalid(at, next.clusterIPs, fixedText)] : [];
  return was.length > is.length && is.length === 1 ? [...errors, ...validateRelease(next, 'ipFamily')] : errors;
}

/** Where a load balancer takes traffic, as its controller says. */
export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const path = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return ingress.flatMap(({ ip, ipMode, hostname }, i) => {
    const at = `${path}[${i}]`;
    const errors = ip ? validateIP(ip, `${at}.ip`) : [];
    if (ipMode === undefined) {
      if (ip) errors.push(required(`${at}.ipMode`, 'must be specified when `ip` is set'));
    } else if (!ip) errors.push(forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    else append(errors, validateOptionalWord(ipMode, ['Proxy', 'VIP'], `${at}.ipMode`));
    if (!hostname) return errors;
    append(errors, validateDNSSubdomain(hostname, `${at}.hostname`));
    if (!parseIP(hostname)) return errors;
    return [...errors, invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')];
  });
}

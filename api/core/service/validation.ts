// Validation of services. Whether addresses and ports are free is known to the allocators of the API server.
// Upstream: ValidateService in pkg/apis/core/validation.
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../../../machinery/field-error.ts';
import { ipFamilyOf, validateCIDR, validateIP } from '../../meta/addresses.ts';
import {
  repeatsIn,
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

const isHeadless = (spec: ServiceSpec) => spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';

export function validateService(service: Service): FieldError[] {
  const { spec } = service;
  const needsPorts = !isHeadless(spec) && spec.type !== 'ExternalName';
  const errors: FieldError[] = needsPorts && !spec.ports?.length ? [required('spec.ports')] : [];
  errors.push(...validateByType(spec, 'spec'));
  errors.push(...validatePorts(spec, 'spec.ports'));
  errors.push(...validateLabels(spec.selector, 'spec.selector'));
  errors.push(...validateAffinity(spec, 'spec'));
  errors.push(...validateAddresses(spec, 'spec'));
  errors.push(...validateOptionalWord(spec.type, types, 'spec.type'));
  errors.push(...validateLoadBalancerFields(spec, 'spec'));
  errors.push(...validateTraffic(service, 'spec'));
  return errors;
}

function validateByType(spec: ServiceSpec, path: string): FieldError[] {
  if (spec.type === 'ExternalName') {
    const errors: FieldError[] = [];
    if (spec.clusterIP || spec.clusterIPs?.length) {
      errors.push(forbidden(`${path}.clusterIPs`, 'may not be set for ExternalName services'));
    }
    if (!spec.externalName) errors.push(required(`${path}.externalName`));
    else errors.push(...validateDNSSubdomain(spec.externalName.replace(/\.$/, ''), `${path}.externalName`));
    return errors;
  }
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec)) {
    const detail = `may not be set to 'None' for ${spec.type} services`;
    return [invalid(`${path}.clusterIPs[0]`, 'None', detail)];
  }
  return [];
}

function validatePorts(spec: ServiceSpec, path: string): FieldError[] {
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const numbers = new Set<string>();
  const duplicates: FieldError[] = [];
  for (const [i, port] of ports.entries()) {
    const at = `${path}[${i}]`;
    if (!port.name) {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else {
      errors.push(...validateDNSLabel(port.name, `${at}.name`));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    errors.push(...validatePortNumber(port.port, `${at}.port`));
    errors.push(...validateWord(port.protocol, protocols, `${at}.protocol`));
    errors.push(...validatePortNumberOrName(port.targetPort ?? 0, `${at}.targetPort`));
    if (port.appProtocol) errors.push(...validateQualifiedName(port.appProtocol, `${at}.appProtocol`));
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

function validateAffinity(spec: ServiceSpec, path: string): FieldError[] {
  const errors = validateWord(spec.sessionAffinity, ['ClientIP', 'None'], `${path}.sessionAffinity`);
  const at = `${path}.sessionAffinityConfig`;
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

function validateAddresses(spec: ServiceSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = spec.clusterIPs ?? [];
  for (const [i, address] of addresses.entries()) {
    const at = `${path}.clusterIPs[${i}]`;
    if (address === 'None') {
      if (i > 0) errors.push(invalid(at, address, 'must not be used as secondary address'));
      else if (addresses.length > 1) errors.push(invalid(at, address, "'None' must be the first and only value"));
    } else {
      errors.push(...validateIP(address, at));
    }
  }
  if (addresses.length > 0 && spec.clusterIP !== addresses[0]) {
    errors.push(invalid(`${path}.clusterIPs`, addresses, 'first value must match `clusterIP`'));
  }
  const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];
  errors.push(...validateOptionalWord(spec.ipFamilyPolicy, policies, `${path}.ipFamilyPolicy`));
  const families = spec.ipFamilies ?? [];
  const repeats = repeatsIn(families);
  for (const [i, family] of families.entries()) {
    const at = `${path}.ipFamilies[${i}]`;
    errors.push(...validateOptionalWord(family, ['IPv4', 'IPv6'], at));
    if (repeats.has(i)) errors.push(duplicate(at, family));
    const given = ipFamilyOf(addresses[i] ?? '');
    if (given !== 0 && family !== `IPv${given}`) {
      errors.push(
        invalid(
          `${path}.clusterIPs[${i}]`,
          addresses[i],
          `expected an ${family} value as indicated by \`ipFamilies[${i}]\``,
        ),
      );
    }
  }
  for (const [i, address] of (spec.externalIPs ?? []).entries()) {
    errors.push(...validateExternalAddress(address, `${path}.externalIPs[${i}]`));
  }
  return errors;
}

/** An address that traffic from elsewhere can arrive at. */
export function validateExternalAddress(address: string, path: string): FieldError[] {
  const errors = validateIP(address, path);
  if (errors.length > 0) return errors;
  if (address === '0.0.0.0' || address === '::') return [invalid(path, address, `may not be unspecified (${address})`)];
  if (/^127\./.test(address) || address === '::1') {
    return [invalid(path, address, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
  }
  if (/^169\.254\./.test(address) || /^fe[89ab]/i.test(address)) {
    return [invalid(path, address, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
  }
  if (/^224\.0\.0\./.test(address) || /^ff02:/i.test(address)) {
    return [invalid(path, address, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')];
  }
  return [];
}

function validateLoadBalancerFields(spec: ServiceSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const only = "may only be used when `type` is 'LoadBalancer'";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const at = `${path}.loadBalancerSourceRanges`;
  if (ranges.length > 0 && !isLoadBalancer) errors.push(forbidden(at, only));
  for (const [i, range] of ranges.entries()) errors.push(...validateCIDR(range.trim(), `${at}[${i}]`));
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    errors.push(forbidden(`${path}.allocateLoadBalancerNodePorts`, only));
  }
  if (spec.loadBalancerClass === undefined) return errors;
  if (!isLoadBalancer) errors.push(forbidden(`${path}.loadBalancerClass`, only));
  else errors.push(...validateQualifiedName(spec.loadBalancerClass, `${path}.loadBalancerClass`));
  return errors;
}

function validateTraffic(service: Service, path: string): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  const external = `${path}.externalTrafficPolicy`;
  if (isExternallyAccessible(service))
    errors.push(...validateWord(spec.externalTrafficPolicy, trafficPolicies, external));
  else if (spec.externalTrafficPolicy) {
    const detail = 'may only be set for externally-accessible services';
    errors.push(invalid(external, spec.externalTrafficPolicy, detail));
  }
  if (spec.healthCheckNodePort && !needsHealthPort(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid(`${path}.healthCheckNodePort`, spec.healthCheckNodePort, detail));
  }
  const internal = `${path}.internalTrafficPolicy`;
  if (spec.internalTrafficPolicy === undefined && ['NodePort', 'LoadBalancer', 'ClusterIP'].includes(spec.type ?? '')) {
    errors.push(required(internal));
  } else {
    errors.push(...validateOptionalWord(spec.internalTrafficPolicy, trafficPolicies, internal));
  }
  const distribution = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
  if (spec.trafficDistribution !== undefined && !distribution.includes(spec.trafficDistribution)) {
    errors.push(notSupported(`${path}.trafficDistribution`, spec.trafficDistribution, distribution));
  }
  return errors;
}

/** What is given out, or chosen, for as long as the service is of a type that has it. */
export function validateServiceUpdate(next: Service, old: Service): FieldError[] {
  const errors = validatePrimaryIP(next, old);
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

/** A virtual address is for life, unless the service gives it up altogether. */
function validatePrimaryIP(next: Service, old: Service): FieldError[] {
  if (next.spec.type === 'ExternalName' || old.spec.type === 'ExternalName') return [];
  const had = old.spec.clusterIPs?.[0];
  if (!had) return [];
  const has = next.spec.clusterIPs?.[0];
  if (!has) return [invalid('spec.clusterIPs[0]', next.spec.clusterIPs ?? null, 'primary clusterIP can not be unset')];
  return has === had ? [] : [invalid('spec.clusterIPs[0]', next.spec.clusterIPs, 'may not change once set')];
}

// Validation of endpoint slices. Upstream: pkg/apis/discovery/validation.
import { append, duplicate, type FieldError, invalid, required, tooMany } from '../../../machinery/field-error.ts';
import { checkDNS1123Label, checkDNS1123Subdomain, checkLabelValue } from '../../../machinery/name-rules.ts';
import { validateExternalAddress } from '../../core/service/validation.ts';
import { ipFamilyOf, validateIP } from '../../meta/addresses.ts';
import {
  validateDNSLabel,
  validateDNSSubdomain,
  validateOptionalWord,
  validatePortNumber,
  validateQualifiedName,
  validateWith,
  validateWord,
} from '../../meta/checks.ts';
import { validateImmutable, validateLabels } from '../../meta/validation.ts';
import type { Endpoint, EndpointSlice } from '../endpointslice.ts';

const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;
const maxHints = 8;
const maxTopologyLabels = 16;

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  const errors: FieldError[] = validateWord(slice.addressType, ['FQDN', 'IPv4', 'IPv6'], 'addressType');
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > maxEndpoints) errors.push(tooMany('endpoints', endpoints.length, maxEndpoints));
  else {
    for (const [i, endpoint] of endpoints.entries()) {
      append(errors, validateEndpoint(endpoint, slice.addressType, `endpoints[${i}]`));
    }
  }
  append(errors, validatePorts(slice));
  return errors;
}

function validateEndpoint(endpoint: Endpoint, addressType: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = endpoint.addresses ?? [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > maxAddresses) errors.push(tooMany(`${path}.addresses`, addresses.length, maxAddresses));
  for (const [i, address] of addresses.entries()) {
    append(errors, validateAddress(address, addressType, `${path}.addresses[${i}]`));
  }
  if (endpoint.nodeName !== undefined) append(errors, validateDNSSubdomain(endpoint.nodeName, `${path}.nodeName`));
  const labels = endpoint.deprecatedTopology ?? {};
  const count = Object.keys(labels).length;
  const labelsPath = `${path}.deprecatedTopology`;
  if (count > maxTopologyLabels) errors.push(tooMany(labelsPath, count, maxTopologyLabels));
  append(errors, validateLabels(labels, labelsPath));
  if (endpoint.hostname !== undefined) append(errors, validateDNSLabel(endpoint.hostname, `${path}.hostname`));
  const { forZones = [], forNodes = [] } = endpoint.hints ?? {};
  append(errors, validateHints(forZones, checkLabelValue, `${path}.hints.forZones`));
  append(errors, validateHints(forNodes, checkDNS1123Subdomain, `${path}.hints.forNodes`));
  return errors;
}

function validateHints(hints: readonly { name: string }[], check: typeof checkLabelValue, path: string): FieldError[] {
  if (hints.length > maxHints) return [tooMany(path, hints.length, maxHints)];
  const seen = new Set<string>();
  return hints.flatMap(({ name }, i) => {
    const at = `${path}[${i}].name`;
    const errors = seen.has(name) ? [duplicate(at, name)] : [];
    seen.add(name);
    return [...errors, ...validateWith(check, name, at)];
  });
}

function validateAddress(address: string, addressType: string, path: string): FieldError[] {
  if (addressType === 'FQDN') return validateDomain(address, path);
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return [];
  const errors = validateIP(address, path);
  if (errors.length > 0) return errors;
  if (`IPv${ipFamilyOf(address)}` !== addressType) {
    errors.push(invalid(path, address, `must be an ${addressType} address`));
  }
  return [...errors, ...validateExternalAddress(address, path)];
}

/** At least two labels; a dot may stand at the end. */
function validateDomain(address: string, path: string): FieldError[] {
  if (address === '') return [required(path)];
  const name = address.replace(/\.$/, '');
  const wrong = checkDNS1123Subdomain(name);
  if (wrong.length > 0) return [invalid(path, name, wrong.join(','))];
  const labels = name.split('.');
  if (labels.length < 2) {
    return [invalid(path, name, 'should be a domain with at least two segments separated by dots')];
  }
  const long = labels.find((label) => checkDNS1123Label(label).length > 0);
  return long === undefined ? [] : [invalid(path, long, checkDNS1123Label(long).join(','))];
}

function validatePorts(slice: EndpointSlice): FieldError[] {
  const ports = slice.ports ?? [];
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const at = `ports[${i}]`;
    const name = port.name ?? '';
    const errors = name ? validateDNSLabel(name, `${at}.name`) : [];
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (port.protocol === undefined) errors.push(required(`${at}.protocol`));
    else append(errors, validateOptionalWord(port.protocol, ['SCTP', 'TCP', 'UDP'], `${at}.protocol`));
    if (port.port !== undefined) append(errors, validatePortNumber(port.port, `${at}.port`));
    if (port.appProtocol !== undefined) append(errors, validateQualifiedName(port.appProtocol, `${at}.appProtocol`));
    return errors;
  });
}

export function validateEndpointSliceUpdate(next: EndpointSlice, old: EndpointSlice): FieldError[] {
  return validateImmutable(next.addressType, old.addressType, 'addressType');
}

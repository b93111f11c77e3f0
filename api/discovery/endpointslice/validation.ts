// Validation of endpoint slices. Upstream: pkg/apis/discovery/validation.
import { duplicate, type FieldError, invalid, required, tooMany } from '../../../machinery/field-error.ts';
import { validateExternalAddress } from '../../core/service/validation.ts';
import { ipFamilyOf } from '../../meta/addresses.ts';
import {
  validateDNSLabel,
  validateDNSSubdomain,
  validateOptionalWord,
  validatePortNumber,
  validateQualifiedName,
  validateWord,
} from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import type { Endpoint, EndpointSlice } from '../endpointslice.ts';

const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;
const maxHints = 8;

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  const errors: FieldError[] = validateWord(slice.addressType, ['FQDN', 'IPv4', 'IPv6'], 'addressType');
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > maxEndpoints) errors.push(tooMany('endpoints', endpoints.length, maxEndpoints));
  else {
    for (const [i, endpoint] of endpoints.entries()) {
      errors.push(...validateEndpoint(endpoint, slice.addressType, `endpoints[${i}]`));
    }
  }
  errors.push(...validatePorts(slice, 'ports'));
  return errors;
}

function validateEndpoint(endpoint: Endpoint, addressType: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = endpoint.addresses ?? [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > maxAddresses) errors.push(tooMany(`${path}.addresses`, addresses.length, maxAddresses));
  for (const [i, address] of addresses.entries()) {
    errors.push(...validateAddress(address, addressType, `${path}.addresses[${i}]`));
  }
  if (endpoint.nodeName !== undefined) errors.push(...validateDNSSubdomain(endpoint.nodeName, `${path}.nodeName`));
  if (endpoint.hostname !== undefined) errors.push(...validateDNSLabel(endpoint.hostname, `${path}.hostname`));
  const zones = endpoint.hints?.forZones ?? [];
  const at = `${path}.hints.forZones`;
  if (zones.length > maxHints) errors.push(tooMany(at, zones.length, maxHints));
  const seen = new Set<string>();
  for (const [i, { name }] of zones.entries()) {
    if (seen.has(name)) errors.push(duplicate(`${at}[${i}]`, name));
    seen.add(name);
  }
  return errors;
}

function validateAddress(address: string, addressType: string, path: string): FieldError[] {
  if (addressType === 'FQDN') return validateDNSSubdomain(address, path);
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return [];
  if (`IPv${ipFamilyOf(address)}` !== addressType)
    return [invalid(path, address, `must be a valid ${addressType} address`)];
  return validateExternalAddress(address, path);
}

function validatePorts(slice: EndpointSlice, path: string): FieldError[] {
  const ports = slice.ports ?? [];
  if (ports.length > maxPorts) return [tooMany(path, ports.length, maxPorts)];
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const at = `${path}[${i}]`;
    const name = port.name ?? '';
    const errors = name ? validateDNSLabel(name, `${at}.name`) : [];
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (port.protocol === undefined) errors.push(required(`${at}.protocol`));
    else errors.push(...validateOptionalWord(port.protocol, ['SCTP', 'TCP', 'UDP'], `${at}.protocol`));
    if (port.port !== undefined) errors.push(...validatePortNumber(port.port, `${at}.port`));
    if (port.appProtocol) errors.push(...validateQualifiedName(port.appProtocol, `${at}.appProtocol`));
    return errors;
  });
}

export function validateEndpointSliceUpdate(next: EndpointSlice, old: EndpointSlice): FieldError[] {
  return validateImmutable(next.addressType, old.addressType, 'addressType');
}

// Validation of endpoints. Upstream: ValidateEndpoints in pkg/apis/core/validation.
import { append, type FieldError, required } from '../../../machinery/field-error.ts';
import { validateIP } from '../../meta/addresses.ts';
import {
  validateDNSLabel,
  validateDNSSubdomain,
  validatePortNumber,
  validateQualifiedName,
  validateWord,
} from '../../meta/checks.ts';
import type { EndpointAddress, EndpointPort, Endpoints } from '../endpoints.ts';
import { validateNonSpecialAddress } from '../service/validation.ts';

export function validateEndpoints(endpoints: Endpoints): FieldError[] {
  return (endpoints.subsets ?? []).flatMap((subset, i) => {
    const at = `subsets[${i}]`;
    const errors: FieldError[] = [];
    if (!subset.addresses?.length && !subset.notReadyAddresses?.length) {
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    }
    for (const list of ['addresses', 'notReadyAddresses'] as const) {
      for (const [j, address] of (subset[list] ?? []).entries()) {
        append(errors, validateAddress(address, `${at}.${list}[${j}]`));
      }
    }
    const ports = subset.ports ?? [];
    for (const [j, port] of ports.entries()) append(errors, validatePort(port, ports.length > 1, `${at}.ports[${j}]`));
    return errors;
  });
}

function validateAddress(address: EndpointAddress, path: string): FieldError[] {
  const errors = validateIP(address.ip, `${path}.ip`);
  if (address.hostname) append(errors, validateDNSLabel(address.hostname, `${path}.hostname`));
  if (address.nodeName !== undefined) append(errors, validateDNSSubdomain(address.nodeName, `${path}.nodeName`));
  return [...errors, ...validateNonSpecialAddress(address.ip, `${path}.ip`)];
}

function validatePort(port: EndpointPort, needsName: boolean, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) append(errors, validateDNSLabel(port.name, `${path}.name`));
  else if (needsName) errors.push(required(`${path}.name`));
  append(errors, validatePortNumber(port.port, `${path}.port`));
  append(errors, validateWord(port.protocol, ['SCTP', 'TCP', 'UDP'], `${path}.protocol`));
  if (port.appProtocol === undefined) return errors;
  return [...errors, ...validateQualifiedName(port.appProtocol, `${path}.appProtocol`)];
}

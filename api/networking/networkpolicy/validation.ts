// Validation of NetworkPolicy. Upstream: pkg/apis/networking/validation.
import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { containsIP, firstOf, parseCIDR } from '../../../machinery/ip.ts';
import { validateCIDR } from '../../meta/addresses.ts';
import {
  checkPortName,
  validateLabelSelector,
  validateOptionalWord,
  validatePortNumber,
  validateWith,
  validateWords,
} from '../../meta/checks.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from './schema.ts';

const directions = ['Ingress', 'Egress'];

export function validateNetworkPolicy({ spec }: NetworkPolicy): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector');
  for (const [i, { ports, from }] of (spec.ingress ?? []).entries()) {
    append(errors, validateRule(ports, from, `spec.ingress[${i}]`, 'from'));
  }
  for (const [i, { ports, to }] of (spec.egress ?? []).entries()) {
    append(errors, validateRule(ports, to, `spec.egress[${i}]`, 'to'));
  }
  const types: readonly string[] = spec.policyTypes ?? [];
  if (types.length > directions.length) {
    return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  }
  append(errors, validateWords(types, directions, 'spec.policyTypes'));
  return errors;
}

function validateRule(
  ports: readonly NetworkPolicyPort[] | undefined,
  peers: readonly NetworkPolicyPeer[] | undefined,
  path: string,
  peersField: 'from' | 'to',
): FieldError[] {
  return [
    ...(ports ?? []).flatMap((port, i) => validatePort(port, `${path}.ports[${i}]`)),
    ...(peers ?? []).flatMap((peer, i) => validatePeer(peer, `${path}.${peersField}[${i}]`)),
  ];
}

function validatePort({ endPort, port, protocol }: NetworkPolicyPort, path: string): FieldError[] {
  const protocols: readonly string[] = ['TCP', 'UDP', 'SCTP'];
  const errors = validateOptionalWord(protocol, protocols, `${path}.protocol`);
  const refuseEnd = (why: string) => {
    if (endPort !== undefined) errors.push(invalid(`${path}.endPort`, endPort, why));
  };
  if (port === undefined) refuseEnd('may not be specified when `port` is not specified');
  else if (typeof port === 'string') {
    refuseEnd('may not be specified when `port` is non-numeric');
    append(errors, validateWith(checkPortName, port, `${path}.port`));
  } else {
    append(errors, validatePortNumber(port, `${path}.port`));
    if (endPort !== undefined && endPort < port) {
      // Upstream shows the port.
      errors.push(invalid(`${path}.endPort`, port, 'must be greater than or equal to `port`'));
    }
    if (endPort !== undefined) append(errors, validatePortNumber(endPort, `${path}.endPort`));
  }
  return errors;
}

function validatePeer({ ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer, path: string): FieldError[] {
  const errors = validateLabelSelector(podSelector, `${path}.podSelector`);
  append(errors, validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`));
  if (ipBlock) append(errors, validateIPBlock(ipBlock, `${path}.ipBlock`));
  if (!ipBlock && !namespaceSelector && !podSelector) errors.push(required(path, 'must specify a peer'));
  else if (ipBlock && (namespaceSelector || podSelector)) {
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function validateIPBlock({ cidr, except = [] }: IPBlock, path: string): FieldError[] {
  if (!cidr) return [required(`${path}.cidr`)];
  const errors = validateCIDR(cidr, `${path}.cidr`);
  const whole = parseCIDR(cidr);
  if (!whole) return errors;
  for (const [i, text] of except.entries()) {
    append(errors, validateCIDR(text, `${path}.except[${i}]`));
    const part = parseCIDR(text);
    if (part && (!containsIP(whole, firstOf(part)) || whole.bits >= part.bits)) {
      errors.push(invalid(`${path}.except[${i}]`, text, 'must be a strict subset of `cidr`'));
    }
  }
  return errors;
}

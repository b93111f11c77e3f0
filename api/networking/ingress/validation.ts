// Validation of Ingress. Upstream: pkg/apis/networking/validation.
import { append, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import {
  checkDNS1123Label,
  checkDNS1123Subdomain,
  checkWildcardDNS1123Subdomain,
} from '../../../machinery/name-rules.ts';
import type { TypedLocalObjectReference } from '../../core/object-reference.ts';
import { ipFamilyOf, validateIP } from '../../meta/addresses.ts';
import { checkPortName, validateDNSSubdomain, validatePortNumber, validateWith } from '../../meta/checks.ts';
import { checkPathSegment } from '../../meta/validation.ts';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressTLS } from './schema.ts';

export function validateIngress({ spec }: Ingress): FieldError[] {
  const { defaultBackend, ingressClassName, rules = [], tls = [] } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && !defaultBackend) {
    errors.push(invalid('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend) append(errors, validateBackend(defaultBackend, 'spec.defaultBackend'));
  for (const [i, rule] of rules.entries()) append(errors, validateRule(rule, `spec.rules[${i}]`));
  for (const [i, entry] of tls.entries()) append(errors, validateTLS(entry, `spec.tls[${i}]`));
  if (ingressClassName !== undefined) append(errors, validateDNSSubdomain(ingressClassName, 'spec.ingressClassName'));
  return errors;
}

const classAnnotation = 'kubernetes.io/ingress.class';

/** The annotation of old must name the class that the field names. */
export function validateIngressCreate({ metadata, spec }: Ingress): FieldError[] {
  const annotated = metadata.annotations?.[classAnnotation];
  if (annotated === undefined || spec.ingressClassName === undefined || annotated === spec.ingressClassName) return [];
  const path = `annotations.${classAnnotation}`;
  return [invalid(path, annotated, 'must match `ingressClassName` when both are specified')];
}

const notAnAddressText = 'must be a DNS name, not an IP address';

function validateHost(host: string, path: string): FieldError[] {
  return validateWith(host.includes('*') ? checkWildcardDNS1123Subdomain : checkDNS1123Subdomain, host, path);
}

function validateRule({ host, http }: IngressRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (ipFamilyOf(host) !== 0) errors.push(invalid(`${path}.host`, host, notAnAddressText));
    append(errors, validateHost(host, `${path}.host`));
  }
  if (!http) return errors;
  if (!http.paths?.length) errors.push(required(`${path}.http.paths`));
  for (const [i, entry] of (http.paths ?? []).entries()) {
    append(errors, validatePath(entry, `${path}.http.paths[${i}]`));
  }
  return errors;
}

const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEndings = ['/..', '/.'];
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

function validatePath({ backend, path = '', pathType }: HTTPIngressPath, at: string): FieldError[] {
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const isFree = pathType === 'ImplementationSpecific';
  if (!pathTypes.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, pathTypes));
  else {
    if (!path.startsWith('/') && !(isFree && path === '')) {
      errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
    }
    for (const part of isFree ? [] : badSequences) {
      if (path.includes(part)) errors.push(invalid(`${at}.path`, path, `must not contain '${part}'`));
    }
    for (const end of isFree ? [] : badEndings) {
      if (path.endsWith(end)) errors.push(invalid(`${at}.path`, path, `cannot end with '${end}'`));
    }
  }
  return [...errors, ...validateBackend(backend, `${at}.backend`)];
}

function validateBackend({ resource, service }: IngressBackend, path: string): FieldError[] {
  if (resource && service) return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource) return validateTypedReference(resource, `${path}.resource`);
  if (!service) return [invalid(path, '', 'resource or service backend is required')];
  const at = `${path}.service`;
  const errors = service.name ? validateWith(checkDNS1123Label, service.name, `${at}.name`) : [required(`${at}.name`)];
  const { name, number } = service.port ?? {};
  if (name && number) errors.push(invalid(path, '', 'cannot set both port name & port number'));
  else if (name) append(errors, validateWith(checkPortName, name, `${at}.port.name`));
  else if (number) append(errors, validatePortNumber(number, `${at}.port.number`));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}

/** A reference to an object of any kind: apiGroup, kind and name. */
export function validateTypedReference(
  { apiGroup, kind, name }: TypedLocalObjectReference,
  path: string,
): FieldError[] {
  const errors = apiGroup === undefined ? [] : validateDNSSubdomain(apiGroup, `${path}.apiGroup`);
  for (const [field, value] of [
    ['kind', kind],
    ['name', name],
  ] as const) {
    if (value) append(errors, validateWith(checkPathSegment, value, `${path}.${field}`));
    else errors.push(required(`${path}.${field}`, `${field} is required`));
  }
  return errors;
}

function validateTLS({ hosts = [], secretName }: IngressTLS, path: string): FieldError[] {
  const errors = hosts.flatMap((host, i) => validateHost(host, `${path}.hosts[${i}]`));
  if (secretName) append(errors, validateDNSSubdomain(secretName, `${path}.secretName`));
  return errors;
}

export function validateIngressStatus({ status }: Ingress): FieldError[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ hostname, ip }, i) => {
    const at = `status.loadBalancer.ingress[${i}]`;
    const errors = ip ? validateIP(ip, `${at}.ip`) : [];
    if (!hostname) return errors;
    append(errors, validateDNSSubdomain(hostname, `${at}.hostname`));
    if (ipFamilyOf(hostname) !== 0) errors.push(invalid(`${at}.hostname`, hostname, notAnAddressText));
    return errors;
  });
}

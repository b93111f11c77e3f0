// What a request may say, and what each writer may change of it. Upstream: pkg/apis/certificates/validation.

import { CertificateRequestError, parseCertificateRequest } from '../../../machinery/certificate-request.ts';
import { readDer } from '../../../machinery/der.ts';
import {
  append,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  tooLong,
} from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { pemOfField, readPem } from '../../../machinery/pem.ts';
import { repeatsIn, validateDNSSubdomain, validateWord, validateWords } from '../../meta/checks.ts';
import { type CertificateSigningRequest, keyUsages } from './schema.ts';

const minExpirationSeconds = 600;
const legacySigner = 'kubernetes.io/legacy-unknown';

export function validateRequest({ spec, status }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  try {
    parseCertificateRequest(pemOfField(spec.request ?? ''));
  } catch (err) {
    if (!(err instanceof CertificateRequestError)) throw err;
    errors.push(invalid('spec.request', spec.request, err.message));
  }
  const usages = spec.usages ?? [];
  if (usages.length === 0) errors.push(required('spec.usages'));
  append(errors, validateWords(usages, keyUsages, 'spec.usages'));
  for (const i of repeatsIn(usages)) errors.push(duplicate(`spec.usages[${i}]`, usages[i]));
  if (spec.signerName === legacySigner) {
    const why = 'the legacy signerName is not allowed via this API version';
    errors.push(invalid('spec.signerName', spec.signerName, why));
  } else {
    append(errors, validateSignerName(spec.signerName, 'spec.signerName'));
  }
  const { expirationSeconds } = spec;
  if (expirationSeconds !== undefined && expirationSeconds < minExpirationSeconds) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, why));
  }
  append(errors, validateConditions(status?.conditions ?? []));
  const problem = status?.certificate ? findCertificateProblem(pemOfField(status.certificate)) : undefined;
  if (problem) errors.push(invalid('status.certificate', '<certificate data>', problem));
  return errors;
}

const maxDomain = 253;
const maxPath = 253 + 63 + 1;

/** `example.com/name` */
function validateSignerName(signerName: string, path: string): FieldError[] {
  if (!signerName) return [required(path)];
  const [domain = '', name = '', ...rest] = signerName.split('/');
  if (rest.length > 0 || !signerName.includes('/')) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalid(path, signerName, why)];
  }
  const errors: FieldError[] = [];
  if (domain.length > maxDomain) errors.push(tooLong(path, maxDomain));
  append(errors, validateDNSSubdomain(domain, path));
  if (domain.split('.').length < 2) {
    errors.push(invalid(path, domain, 'should be a domain with at least two segments separated by dots'));
  }
  for (const label of name.split('.')) {
    const complaints = checkDNS1123Subdomain(label);
    append(
      errors,
      complaints.map((why) => invalid(path, name, `validating label ${JSON.stringify(label)}: ${why}`)),
    );
    if (complaints.length > 0) break;
  }
  if (signerName.length > maxDomain + maxPath + 1) errors.push(tooLong(path, maxDomain + maxPath + 1));
  return errors;
}

type Conditions = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>;

const known = ['Approved', 'Denied', 'Failed'];
const exclusive = 'Approved and Denied conditions are mutually exclusive';

function validateConditions(conditions: Conditions): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { type, status }] of conditions.entries()) {
    if (!type) errors.push(required(`status.conditions[${i}].type`));
    const statuses = known.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    append(errors, validateWord(status, statuses, `status.conditions[${i}].status`));
    const other = { Approved: 'Denied', Denied: 'Approved' }[type];
    if (other && seen.has(other)) errors.push(invalid(`status.conditions[${i}].type`, type, exclusive));
    if (seen.has(type)) errors.push(duplicate(`status.conditions[${i}].type`, type));
    seen.add(type);
  }
  return errors;
}

function findCertificateProblem(pem: string): string | undefined {
  const blocks = readPem(pem);
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (bytes.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates';
    try {
      readDer(bytes);
    } catch {
      return 'x509: malformed certificate';
    }
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

/** What a write through a subresource may change besides nothing. */
interface Rights {
  approve?: boolean;
  issue?: boolean;
}

export function validateRequestChange(
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
  rights: Rights = {},
): FieldError[] {
  const path = 'status.conditions';
  const of = (request: CertificateSigningRequest, type: string) =>
    (request.status?.conditions ?? []).filter((condition) => condition.type === type);
  const errors = known
    .filter((type) => of(next, type).length < of(old, type).length)
    .map((type) => forbidden(path, `updates may not remove a condition of type ${JSON.stringify(type)}`));
  for (const type of rights.approve ? [] : ['Approved', 'Denied']) {
    const [before, after] = [of(old, type), of(next, type)];
    if (after.length > before.length) {
      errors.push(forbidden(path, `updates may not add a condition of type ${JSON.stringify(type)}`));
    } else if (after.length === before.length && !jsonEqual(after, before)) {
      const change = `- ${JSON.stringify(before)}\n+ ${JSON.stringify(after)}`;
      errors.push(forbidden(path, `updates may not modify a condition of type ${JSON.stringify(type)}\n${change}`));
    }
  }
  if ((next.status?.certificate ?? '') !== (old.status?.certificate ?? '')) {
    if (!rights.issue) errors.push(forbidden('status.certificate', 'updates may not set certificate content'));
    else if (old.status?.certificate) {
      errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
    }
  }
  return errors;
}

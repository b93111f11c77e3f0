// Decides whether a certificate on disk still does its job. Uses only node:crypto, so that a run which finds
// everything in order never loads the library that issues certificates.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readIfExists } from '../host/files.ts';
import type { CertificatePlan } from './plan.ts';

const renewBeforeMs = 30 * 24 * 3600 * 1000;

/** Why the certificate must be issued (again), or undefined when it can stay. */
export function reasonToIssue(plan: CertificatePlan, authorityPem: string, nowMs: number): string | undefined {
  const pair = readPair(plan.file);
  if (typeof pair === 'string') return pair;
  const { certificate } = pair;
  const outOfTime = reasonOfTime(certificate, nowMs);
  if (outOfTime !== undefined) return outOfTime;
  const authority = new X509Certificate(authorityPem);
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) return 'has another authority';
  if (certificate.subject !== subjectOf(plan)) return 'has another subject';
  if (sortedNames(certificate.subjectAltName ?? '') !== wantedNames(plan)) return 'has other names';
  return undefined;
}

/** Why an authority must be made (again), or undefined. */
export function reasonToMakeAuthority(file: string, nowMs: number): string | undefined {
  const pair = readPair(file);
  if (typeof pair === 'string') return pair;
  return reasonOfTime(pair.certificate, nowMs);
}

/** The clock may have been far ahead when it was made. */
function reasonOfTime({ validFrom, validTo }: X509Certificate, nowMs: number): string | undefined {
  if (Date.parse(validFrom) > nowMs) return 'is not valid yet';
  return Date.parse(validTo) - nowMs < renewBeforeMs ? 'expires soon' : undefined;
}

/** The pair, or why there is none: a crash may have left one half, or a full disk an empty file. */
function readPair(file: string): { certificate: X509Certificate } | string {
  const crt = readIfExists(`${file}.crt`);
  const key = readIfExists(`${file}.key`);
  if (crt === undefined || key === undefined) return 'is missing';
  try {
    const certificate = new X509Certificate(crt);
    return certificate.checkPrivateKey(createPrivateKey(key)) ? { certificate } : 'does not match its key';
  } catch {
    return 'cannot be read';
  }
}

function subjectOf(plan: CertificatePlan): string {
  const organization = plan.organization === undefined ? [] : [`O=${plan.organization}`];
  return [...organization, `CN=${plan.commonName}`].join('\n');
}

function sortedNames(text: string): string {
  return text
    .split(', ')
    .filter((x) => x !== '')
    .sort()
    .join();
}

function wantedNames(plan: CertificatePlan): string {
  const dns = (plan.dnsNames ?? []).map((name) => `DNS:${name}`);
  const addresses = (plan.addresses ?? []).map((address) => `IP Address:${address}`);
  return [...dns, ...addresses].sort().join();
}

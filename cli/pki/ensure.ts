// Brings the certificates of a cluster up to plan: makes what is missing, expired or no longer fits, keeps the rest.
import { createPrivateKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../../machinery/clock.ts';
import { readIfExists, writeFileAtomic } from '../host/files.ts';
import { reasonToIssue, reasonToMakeAuthority } from './check.ts';
import type { PemPair } from './issue.ts';
import type { PkiPlan } from './plan.ts';

/** Makes the files of the plan. Returns the paths (without endings) of what was made. */
export async function ensurePki(plan: PkiPlan, clock: Clock): Promise<string[]> {
  // The key takes the longest. Whatever fails, nothing is written any more once this has ended.
  const work = [ensureServiceAccountKey(plan.serviceAccountKey), ensureCertificates(plan, clock)];
  await Promise.allSettled(work);
  return (await Promise.all(work)).flat();
}

async function ensureCertificates(plan: PkiPlan, clock: Clock): Promise<string[]> {
  const made: string[] = [];
  const authorities = new Map<string, PemPair>();
  for (const authority of plan.authorities) {
    if (reasonToMakeAuthority(authority.file, clock.now()) !== undefined) {
      const { makeAuthority } = await import('./issue.ts');
      writePair(authority.file, await makeAuthority(authority, clock.now()));
      made.push(authority.file);
    }
    authorities.set(authority.file, readPair(authority.file));
  }
  for (const certificate of plan.certificates) {
    const authority = authorities.get(certificate.authority)!;
    if (reasonToIssue(certificate, authority.certificatePem, clock.now()) === undefined) continue;
    const { issueCertificate } = await import('./issue.ts');
    writePair(certificate.file, await issueCertificate(certificate, authority, clock.now()));
    made.push(certificate.file);
  }
  return made;
}

function readPair(file: string): PemPair {
  return { certificatePem: readIfExists(`${file}.crt`) ?? '', keyPem: readIfExists(`${file}.key`) ?? '' };
}

// The key first: a crash between the two leaves a pair that does not match, which the next run sees.
function writePair(file: string, pair: PemPair): void {
  writeFileAtomic(`${file}.key`, pair.keyPem, { mode: 0o600 });
  writeFileAtomic(`${file}.crt`, pair.certificatePem);
}

/** RS256 is what verifiers of service-account tokens outside the cluster expect, hence RSA. */
async function ensureServiceAccountKey(file: string): Promise<string[]> {
  if (hasServiceAccountKey(file)) return [];
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileAtomic(`${file}.key`, pair.privateKey, { mode: 0o600 });
  writeFileAtomic(`${file}.pub`, pair.publicKey);
  return [file];
}

function hasServiceAccountKey(file: string): boolean {
  const key = readIfExists(`${file}.key`);
  if (key === undefined || readIfExists(`${file}.pub`) === undefined) return false;
  try {
    return createPrivateKey(key).asymmetricKeyType === 'rsa';
  } catch {
    return false; // damaged: made anew
  }
}

// Makes authorities and certificates: ECDSA P-256, which is fast to make and to verify. Loaded only when one is due.
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { AuthorityPlan, CertificatePlan } from './plan.ts';

export interface PemPair {
  certificatePem: string;
  keyPem: string;
}

const crypto = webcrypto;
cryptoProvider.set(crypto);

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const dayMs = 24 * 3600 * 1000;
const authorityLifetimeMs = 3650 * dayMs;
const certificateLifetimeMs = 365 * dayMs;
/** Clocks that read local time as UTC are put right by hours, and backwards too. */
const allowedClockSkewMs = dayMs;

function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40; // positive, and never a leading zero byte
  return bytes.toString('hex');
}

const makeKeys = () => crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);

async function toPair(certificate: X509Certificate, key: webcrypto.CryptoKey): Promise<PemPair> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: `${PemConverter.encode(der, PemConverter.PrivateKeyTag)}\n`,
  };
}

export async function makeAuthority(plan: AuthorityPlan, nowMs: number): Promise<PemPair> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [plan.commonName] }],
      notBefore: new Date(nowMs - allowedClockSkewMs),
      notAfter: new Date(nowMs + authorityLifetimeMs),
      signingAlgorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(
          KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
          true,
        ),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return toPair(certificate, keys.privateKey);
}

export async function issueCertificate(plan: CertificatePlan, authority: PemPair, nowMs: number): Promise<PemPair> {
  const issuer = new X509Certificate(authority.certificatePem);
  const signingKey = await crypto.subtle.importKey(
    'pkcs8',
    PemConverter.decodeFirst(authority.keyPem),
    keyAlgorithm,
    false,
    ['sign'],
  );
  const keys = await makeKeys();
  const names: JsonGeneralNames = [
    ...(plan.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(plan.addresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const usages = plan.usages.map((usage) =>
    usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
  );
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [...(plan.organization === undefined ? [] : [{ O: [plan.organization] }]), { CN: [plan.commonName] }],
      issuer: issuer.subjectName,
      notBefore: new Date(nowMs - allowedClockSkewMs),
      notAfter: new Date(nowMs + certificateLifetimeMs),
      signingKey,
      signingAlgorithm,
      publicKey: keys.publicKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(usages),
        await AuthorityKeyIdentifierExtension.create(issuer, false, crypto),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
      ],
    },
    crypto,
  );
  return toPair(certificate, keys.privateKey);
}

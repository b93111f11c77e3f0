// Makes keys, requests for certificates, and certificates without an authority: ECDSA P-256. Loaded when one is due.
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { createPrivateKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const selfSignedMs = 365 * 24 * 3600 * 1000;

/** In PEM. */
export function makeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

export interface Subject {
  commonName: string;
  organization?: string;
  /** Names and addresses of a server. */
  names?: readonly string[];
}

/** A request for a certificate that names the subject, in PEM. */
export async function makeRequest(keyPem: string, subject: Subject): Promise<string> {
  const { commonName, organization } = subject;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }],
    keys: await importKeys(keyPem),
    signingAlgorithm,
    extensions: alternativeNames(subject),
  });
  return `${request.toString('pem')}\n`;
}

/** A certificate that its own key vouches for, in PEM. */
export async function makeSelfSigned(keyPem: string, subject: Subject, nowMs: number): Promise<string> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [subject.commonName] }],
    keys: await importKeys(keyPem),
    signingAlgorithm,
    notBefore: new Date(nowMs),
    notAfter: new Date(nowMs + selfSignedMs),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      ...alternativeNames(subject),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function alternativeNames({ names = [] }: Subject): SubjectAlternativeNameExtension[] {
  const list: JsonGeneralNames = names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }));
  return list.length === 0 ? [] : [new SubjectAlternativeNameExtension(list)];
}

async function importKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(keyPem);
  const { d: _, ...open } = key.export({ format: 'jwk' });
  const { subtle } = webcrypto;
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('pkcs8', key.export({ format: 'der', type: 'pkcs8' }), algorithm, true, ['sign']),
    subtle.importKey('jwk', open, algorithm, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

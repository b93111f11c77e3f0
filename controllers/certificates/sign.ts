// Issues a certificate for a request: its subject, names and key, the usages that were asked for, signed by the CA.
// Loaded only when a certificate is due. Upstream: pkg/controller/certificates/authority.
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const crypto = webcrypto;
cryptoProvider.set(crypto);

const backdateMs = 5 * 60 * 1000;
const shortLifeMs = 8 * 3600 * 1000;
const alternativeNames = '2.5.29.17';

const keyUsageFlags: Readonly<Record<string, KeyUsageFlags>> = {
  signing: KeyUsageFlags.digitalSignature,
  'digital signature': KeyUsageFlags.digitalSignature,
  'content commitment': KeyUsageFlags.nonRepudiation,
  'key encipherment': KeyUsageFlags.keyEncipherment,
  'key agreement': KeyUsageFlags.keyAgreement,
  'data encipherment': KeyUsageFlags.dataEncipherment,
  'cert sign': KeyUsageFlags.keyCertSign,
  'crl sign': KeyUsageFlags.cRLSign,
  'encipher only': KeyUsageFlags.encipherOnly,
  'decipher only': KeyUsageFlags.decipherOnly,
};

const purposes: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

export interface Authority {
  certificatePem: string;
  keyPem: string;
}

export interface Wish {
  requestPem: string;
  usages: readonly string[];
  lifetimeMs: number;
}

/** The certificate in PEM. It does not outlive the authority. */
export async function issueFor(wish: Wish, authority: Authority, nowMs: number): Promise<string> {
  const request = new Pkcs10CertificateRequest(wish.requestPem);
  const issuer = new X509Certificate(authority.certificatePem);
  const { key: signingKey, algorithm: signingAlgorithm } = await importKey(authority.keyPem);
  if (nowMs >= issuer.notAfter.getTime()) throw new Error(`the signer has expired: NotAfter=${issuer.notAfter}`);
  // The end of a short life is not moved: nobody would have it for as long as they asked.
  const endMs = nowMs + wish.lifetimeMs - (wish.lifetimeMs < shortLifeMs ? 0 : backdateMs);
  const names = request.getExtension(alternativeNames);
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: request.subjectName,
      issuer: issuer.subjectName,
      notBefore: new Date(nowMs - backdateMs),
      notAfter: new Date(Math.min(endMs, issuer.notAfter.getTime())),
      signingKey,
      signingAlgorithm,
      publicKey: request.publicKey,
      extensions: [
        ...usageExtensions(wish.usages),
        new BasicConstraintsExtension(false, undefined, true),
        await AuthorityKeyIdentifierExtension.create(issuer, false, crypto),
        ...(names ? [names] : []),
      ],
    },
    crypto,
  );
  return `${certificate.toString('pem')}\n`;
}

function usageExtensions(usages: readonly string[]): Extension[] {
  const flags = usages.reduce((sum, usage) => sum | (keyUsageFlags[usage] ?? 0), 0);
  const oids = [...new Set(usages.flatMap((usage) => purposes[usage] ?? []))];
  return [
    ...(flags ? [new KeyUsagesExtension(flags, true)] : []),
    ...(oids.length > 0 ? [new ExtendedKeyUsageExtension(oids)] : []),
  ];
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40; // positive, and never a leading zero byte
  return bytes.toString('hex');
}

/** RSA and ECDSA keys, in whichever PEM form they stand. */
async function importKey(keyPem: string) {
  const key = createPrivateKey(keyPem);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const curves: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
  const namedCurve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  const algorithm = namedCurve
    ? { name: 'ECDSA', namedCurve, hash: 'SHA-256' }
    : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return { key: await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
}

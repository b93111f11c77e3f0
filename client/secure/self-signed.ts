// The certificate of a component that was given none: signed by itself, made anew at each start. Loaded only when one is
// due. Upstream: the self-signed serving certificate of kube-controller-manager and kube-scheduler.
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { webcrypto } from 'node:crypto';
import {
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const yearMs = 365 * 24 * 3600 * 1000;
const clockSkewMs = 5 * 60 * 1000;

/** PEM, for clients on this machine. */
export async function makeSelfSigned(nowMs: number): Promise<{ cert: string; key: string }> {
  const crypto = webcrypto;
  cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [`localhost@${Math.floor(nowMs / 1000)}`] }],
      notBefore: new Date(nowMs - clockSkewMs),
      notAfter: new Date(nowMs + yearMs),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      keys,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
        ]),
      ],
    },
    crypto,
  );
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: certificate.toString('pem'), key: PemConverter.encode(der, PemConverter.PrivateKeyTag) };
}

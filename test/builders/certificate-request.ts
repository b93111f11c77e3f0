// Certificate requests in PEM, of keys made for them, and authorities to sign them.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  cryptoProvider,
  type JsonGeneralNames,
  type JsonName,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';
import { makeAuthority } from '../../cli/pki/issue.ts';

cryptoProvider.set(webcrypto);

const algorithms = {
  ecdsa: { key: { name: 'ECDSA', namedCurve: 'P-256' }, signing: { name: 'ECDSA', hash: 'SHA-256' } },
  rsa: {
    key: {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
    signing: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  },
  ed25519: { key: { name: 'Ed25519' }, signing: { name: 'Ed25519' } },
};

export interface RequestPlan {
  name: JsonName;
  alternativeNames?: JsonGeneralNames;
  algorithm?: keyof typeof algorithms;
}

/** PEM text of a signed request, and the key it is for. */
export async function makeCertificateRequest({ name, alternativeNames, algorithm = 'ecdsa' }: RequestPlan) {
  const { key, signing } = algorithms[algorithm];
  const keys = (await webcrypto.subtle.generateKey(key, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: signing,
    extensions: alternativeNames ? [new SubjectAlternativeNameExtension(alternativeNames)] : [],
  });
  return { pem: `${request.toString('pem')}\n`, keys };
}

/** The field of an object that holds PEM text. */
export const toField = (pem: string): string => Buffer.from(pem).toString('base64');

/** A new authority: its certificate and key in PEM. */
export const makeCa = (nowMs: number) => makeAuthority({ file: '', commonName: 'ca' }, nowMs);

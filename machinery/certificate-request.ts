// A PKCS #10 certificate request: who it names, its key, and whether the owner of the key signed it.
// https://www.rfc-editor.org/rfc/rfc2986
import { createPublicKey, verify } from 'node:crypto';
import { childrenOf, DerError, type DerValue, expect, oidOf, readDer, tags, textOf } from './der.ts';
import { readPem } from './pem.ts';

export interface CertificateRequest {
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  emailAddresses: string[];
  uris: string[];
  /** Addresses as bytes: four or sixteen. */
  ipAddresses: Uint8Array[];
  /** The names beside the subject as they were sent; absent when there are none. */
  alternativeNamesDer?: Uint8Array;
  /** SubjectPublicKeyInfo. */
  publicKeyDer: Uint8Array;
}

/** The text is no request, or its signature is not that of its key. The message is Go's where that has one. */
export class CertificateRequestError extends Error {}

/** Reads a request from PEM text and checks its signature. */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const block = readPem(pem)[0];
  if (block?.type !== 'CERTIFICATE REQUEST') {
    throw new CertificateRequestError('PEM block type must be CERTIFICATE REQUEST');
  }
  try {
    const [info, algorithm, signature] = childrenOf(expect(readDer(block.bytes), tags.sequence));
    const request = readInfo(expect(info, tags.sequence));
    checkSignature(info!.whole, expect(algorithm, tags.sequence), expect(signature, tags.bitString), request);
    return request;
  } catch (err) {
    if (err instanceof DerError) throw new CertificateRequestError(err.message, { cause: err });
    throw err;
  }
}

const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  extensions: '1.2.840.113549.1.9.14',
  names: '2.5.29.17',
};

function readInfo(info: DerValue): CertificateRequest {
  const [version, subject, key, attributes] = childrenOf(info);
  expect(version, tags.integer);
  const request: CertificateRequest = {
    commonName: '',
    organizations: [],
    dnsNames: [],
    emailAddresses: [],
    uris: [],
    ipAddresses: [],
    publicKeyDer: expect(key, tags.sequence).whole,
  };
  for (const part of childrenOf(expect(subject, tags.sequence))) {
    for (const attribute of childrenOf(expect(part, tags.set))) {
      const [type, value] = childrenOf(expect(attribute, tags.sequence));
      const oid = oidOf(type!);
      if (oid === oids.commonName && value) request.commonName = textOf(value);
      if (oid === oids.organization && value) request.organizations.push(textOf(value));
    }
  }
  if (attributes) readAttributes(attributes, request);
  return request;
}

function readAttributes(attributes: DerValue, request: CertificateRequest): void {
  for (const attribute of childrenOf(attributes)) {
    const [type, values] = childrenOf(expect(attribute, tags.sequence));
    if (!type || oidOf(type) !== oids.extensions) continue;
    for (const extension of childrenOf(expect(values, tags.set)).flatMap(childrenOf)) {
      const [id, ...rest] = childrenOf(expect(extension, tags.sequence));
      const value = rest.at(-1);
      if (!id || !value || oidOf(id) !== oids.names) continue;
      request.alternativeNamesDer = expect(value, tags.octetString).content;
      readNames(readDer(value.content), request);
    }
  }
}

function readNames(names: DerValue, request: CertificateRequest): void {
  for (const name of childrenOf(expect(names, tags.sequence))) {
    switch (name.tag) {
      case 0x81:
        request.emailAddresses.push(textOf(name));
        break;
      case 0x82:
        request.dnsNames.push(textOf(name));
        break;
      case 0x86:
        request.uris.push(textOf(name));
        break;
      case 0x87:
        request.ipAddresses.push(name.content);
        break;
      default:
        break;
    }
  }
}

// Digest by the algorithm's OID; null where the algorithm has none to choose.
const digests: Readonly<Record<string, [digest: string | null, failure: string]>> = {
  '1.2.840.113549.1.1.11': ['sha256', 'crypto/rsa: verification error'],
  '1.2.840.113549.1.1.12': ['sha384', 'crypto/rsa: verification error'],
  '1.2.840.113549.1.1.13': ['sha512', 'crypto/rsa: verification error'],
  '1.2.840.10045.4.3.2': ['sha256', 'x509: ECDSA verification failure'],
  '1.2.840.10045.4.3.3': ['sha384', 'x509: ECDSA verification failure'],
  '1.2.840.10045.4.3.4': ['sha512', 'x509: ECDSA verification failure'],
  '1.3.101.112': [null, 'x509: Ed25519 verification failure'],
};

function checkSignature(signed: Uint8Array, algorithm: DerValue, bits: DerValue, request: CertificateRequest): void {
  const [oid] = childrenOf(algorithm);
  const [digest, failure] = (oid && digests[oidOf(oid)]) ?? [];
  if (failure === undefined) {
    throw new CertificateRequestError('x509: cannot verify signature: algorithm unimplemented');
  }
  let isRight = false;
  try {
    const key = createPublicKey({ key: Buffer.from(request.publicKeyDer), format: 'der', type: 'spki' });
    // The first byte of a bit string counts the bits that do not belong to it: none in a signature.
    isRight = verify(digest, signed, key, bits.content.subarray(1));
  } catch (err) {
    throw new CertificateRequestError('x509: unsupported public key', { cause: err });
  }
  if (!isRight) throw new CertificateRequestError(failure);
}

// Whether a certificate and a private key belong together, in the words of Go's tls.X509KeyPair.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type PemBlock, readPem } from './pem.ts';

/** What is wrong with two PEM texts, the first certificate of the one and the first key of the other; undefined if nothing is. */
export function checkKeyPair(certificatePem: string, keyPem: string): string | undefined {
  const certificate = find(readPem(certificatePem), (type) => type === 'CERTIFICATE', {
    input: 'certificate input',
    block: '"CERTIFICATE" PEM block',
    other: (type) => type.endsWith('PRIVATE KEY'),
    switched:
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
  });
  if (typeof certificate === 'string') return certificate;
  const key = find(readPem(keyPem), (type) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'), {
    input: 'key input',
    block: 'PEM block with type ending in "PRIVATE KEY"',
    other: (type) => type === 'CERTIFICATE',
    switched: 'tls: found a certificate rather than a key in the PEM for the private key',
  });
  if (typeof key === 'string') return key;
  const read = readCertificate(certificate);
  if (!read) return 'x509: malformed certificate';
  const secret = readKey(key);
  if (!secret) return 'tls: failed to parse private key';
  if (read.publicKey.asymmetricKeyType !== secret.asymmetricKeyType) {
    return 'tls: private key type does not match public key type';
  }
  return read.checkPrivateKey(secret) ? undefined : 'tls: private key does not match public key';
}

interface Wanted {
  input: string;
  block: string;
  /** What stands in the place of the other. */
  other: (type: string) => boolean;
  switched: string;
}

function find(blocks: readonly PemBlock[], isWanted: (type: string) => boolean, words: Wanted): Uint8Array | string {
  const found = blocks.find(({ type }) => isWanted(type));
  if (found) return found.bytes;
  if (blocks.length === 0) return `tls: failed to find any PEM data in ${words.input}`;
  if (blocks.length === 1 && words.other(blocks[0]!.type)) return words.switched;
  const types = blocks.map(({ type }) => type).join(' ');
  return `tls: failed to find ${words.block} in ${words.input} after skipping PEM blocks of the following types: [${types}]`;
}

function readCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function readKey(der: Uint8Array): KeyObject | undefined {
  for (const type of ['pkcs1', 'pkcs8', 'sec1'] as const) {
    try {
      return createPrivateKey({ key: Buffer.from(der), format: 'der', type });
    } catch {}
  }
  return undefined;
}

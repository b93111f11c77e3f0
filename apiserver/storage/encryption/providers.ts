// How a value is turned into what lies in etcd and back. A value begins with how it was made and the name of the key,
// `k8s:enc:aesgcm:v1:key1:`, as Kubernetes writes it, so that either reads the other's store.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ProviderConfig } from './config.ts';

/** Encrypts one value. `context` is authenticated with it: the etcd key, so that values cannot be exchanged. */
interface Cipher {
  encrypt(value: Buffer, context: Buffer): Buffer;
  /** Throws for what was not made with this key, or for another context. */
  decrypt(value: Buffer, context: Buffer): Buffer;
}

/** How the values of a resource are stored. */
export interface Transformer {
  write(value: Buffer, context: Buffer): Buffer;
  /** `isStale`: the next write makes it another. Throws when no key fits. */
  read(value: Buffer, context: Buffer): { value: Buffer; isStale: boolean };
}

const nonceBytes = 12;
const tagBytes = 16;
const blockBytes = 16;

function aesGcm(key: Buffer): Cipher {
  const algorithm = `aes-${key.length * 8}-gcm` as 'aes-256-gcm';
  return {
    encrypt(value, context) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(context);
      return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(value, context) {
      const end = value.length - tagBytes;
      if (end < nonceBytes) throw new Error('the stored data was shorter than the required size');
      const nonce = value.subarray(0, nonceBytes);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(context);
      decipher.setAuthTag(value.subarray(end));
      return Buffer.concat([decipher.update(value.subarray(nonceBytes, end)), decipher.final()]);
    },
  };
}

/** Not authenticated: there for stores that have it. */
function aesCbc(key: Buffer): Cipher {
  const algorithm = `aes-${key.length * 8}-cbc`;
  return {
    encrypt(value) {
      const iv = randomBytes(blockBytes);
      const cipher = createCipheriv(algorithm, key, iv);
      return Buffer.concat([iv, cipher.update(value), cipher.final()]);
    },
    decrypt(value) {
      if (value.length < 2 * blockBytes) throw new Error('the stored data was shorter than the required size');
      const decipher = createDecipheriv(algorithm, key, value.subarray(0, blockBytes));
      return Buffer.concat([decipher.update(value.subarray(blockBytes)), decipher.final()]);
    },
  };
}

interface Reader {
  prefix: Buffer;
  cipher: Cipher;
}

interface Provider {
  /** What every value of it begins with, whatever the key. */
  prefix: string;
  /** By key, the one that writes first. */
  readers: Reader[];
  noKey: string;
}

/** How everything that is encrypted begins, ours or not. */
const encryptedPrefix = Buffer.from('k8s:enc:');

const startsWith = (value: Buffer, prefix: Buffer) => value.subarray(0, prefix.length).equals(prefix);
export const isEncrypted = (value: Buffer): boolean => startsWith(value, encryptedPrefix);

const identity: Cipher = { encrypt: (value) => value, decrypt: (value) => value };

function readProvider(config: ProviderConfig): Provider {
  for (const [type, cipherOf] of [['aesgcm', aesGcm] as const, ['aescbc', aesCbc] as const]) {
    const keyed = config[type];
    if (!keyed) continue;
    const prefix = `k8s:enc:${type}:v1:`;
    const readers = (keyed.keys ?? []).map(({ name, secret = '' }) => ({
      prefix: Buffer.from(`${prefix}${name}:`),
      cipher: cipherOf(Buffer.from(secret, 'base64')),
    }));
    return { prefix, readers, noKey: 'no matching key was found for the provided AES transformer' };
  }
  return { prefix: '', readers: [{ prefix: Buffer.alloc(0), cipher: identity }], noKey: '' };
}

/** The first key of the first provider writes, every one reads. */
export function createTransformer(configs: readonly ProviderConfig[]): Transformer {
  const providers = configs.map(readProvider);
  const writer = providers[0]!.readers[0]!;
  return {
    write: (value, context) => Buffer.concat([writer.prefix, writer.cipher.encrypt(value, context)]),
    read(value, context) {
      const errors: string[] = [];
      for (const { prefix, readers, noKey } of providers) {
        if (prefix === '') {
          if (!isEncrypted(value)) return { value, isStale: readers[0] !== writer };
          errors.push('identity transformer tried to read encrypted data');
          continue;
        }
        if (!startsWith(value, Buffer.from(prefix))) continue;
        const fitting = readers.filter((reader) => startsWith(value, reader.prefix));
        if (fitting.length === 0) errors.push(noKey);
        for (const reader of fitting) {
          try {
            const plain = reader.cipher.decrypt(value.subarray(reader.prefix.length), context);
            return { value: plain, isStale: reader !== writer };
          } catch (err) {
            errors.push(err instanceof Error ? err.message : String(err));
          }
        }
      }
      throw new Error(errors.length === 0 ? 'no matching prefix found' : [...new Set(errors)].join(', '));
    },
  };
}

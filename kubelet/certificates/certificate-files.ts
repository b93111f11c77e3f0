// A certificate with its key in one file, so that neither is ever without the other, and beside it the key for which a
// certificate is being asked. Names as upstream's. Upstream: certificate_store.go in client-go.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile, replaceFileDurably } from '../../host/atomic-file.ts';
import { ifThereSync } from '../../host/if-there.ts';

export interface Pair {
  /** Certificates, the own one first, and the key: PEM. */
  cert: Buffer;
  key: Buffer;
  notBeforeMs: number;
  notAfterMs: number;
}

/** Undefined for what is no certificate with its key. */
export function readPair(cert: Buffer | undefined, key: Buffer | undefined): Pair | undefined {
  if (!cert || !key) return undefined;
  try {
    const parsed = new X509Certificate(cert);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return undefined;
    return { cert, key, notBeforeMs: Date.parse(parsed.validFrom), notAfterMs: Date.parse(parsed.validTo) };
  } catch {
    return undefined;
  }
}

export class CertificateFiles {
  readonly path: string;
  readonly #keyPath: string;

  /** `name`: kubelet-client or kubelet-server. */
  constructor(dir: string, name: string) {
    mkdirSync(dir, { recursive: true, mode: 0o750 });
    this.path = join(dir, `${name}-current.pem`);
    this.#keyPath = join(dir, `${name}.key.tmp`);
  }

  read(): Pair | undefined {
    const both = readIfExists(this.path);
    return readPair(both, both);
  }

  /** The key that a certificate is being asked for; one that has its certificate has been forgotten too late. */
  pendingKey(): string | undefined {
    const pem = readIfExists(this.#keyPath)?.toString();
    const key = pem === undefined ? undefined : parseKey(pem);
    const current = this.read();
    if (!key || (current && new X509Certificate(current.cert).checkPrivateKey(key))) return undefined;
    return pem;
  }

  keepKey(pem: string): void {
    replaceFile(this.#keyPath, pem);
  }

  forgetKey(): void {
    rmSync(this.#keyPath, { force: true });
  }

  async write(certificatePem: string, keyPem: string): Promise<void> {
    await replaceFileDurably(this.path, `${certificatePem.trimEnd()}\n${keyPem}`);
    this.forgetKey();
  }
}

function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined; // cut off
  }
}

export const readIfExists = (path: string) => ifThereSync(() => readFileSync(path));

// Which of several authorities has signed the certificate of a connection: the handshake takes
// clients of each of them, and each stands for something else.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const maxChain = 10;

/** The certificates of a bundle; throws naming the file when it has none or one is broken. */
export function readAuthorities(file: string): X509Certificate[] {
  const blocks = readFileSync(file, 'utf8').match(block) ?? [];
  if (blocks.length === 0) throw new Error(`${file}: holds no certificate`);
  return blocks.map((pem) => new X509Certificate(pem));
}

/** Whether a client's certificate, which the handshake has found good, leads to one of the authorities. */
export function leadsTo(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  if (!socket.authorized) return false;
  let certificate = socket.getPeerX509Certificate();
  for (let i = 0; certificate && i < maxChain; i++) {
    const one = certificate;
    if (authorities.some((ca) => one.raw.equals(ca.raw) || (one.checkIssued(ca) && one.verify(ca.publicKey)))) {
      return true;
    }
    certificate = certificate.issuerCertificate;
  }
  return false;
}

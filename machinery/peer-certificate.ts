// Who a peer's certificate names. Whether its signer is trusted, `authorized` of the socket says.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
import { childrenOf, DerError, readDer, tags, textOf } from './der.ts';

/** What TLS sockets of Node have. */
interface CertifiedSocket {
  getPeerCertificate?(): { subject?: object; fingerprint256?: string; valid_to?: string; raw?: Buffer };
}

interface PeerName {
  /** Empty where the subject has none. */
  commonName: string;
  organizations: string[];
  /** Of the user; most have none. */
  uids: string[];
  /** SHA-256 of the certificate, in hexadecimal digits. */
  digest: string;
  /** When the certificate ends, in milliseconds since 1970; NaN where it does not say so. */
  notAfterMs: number;
}

/** Undefined for a peer that shows no certificate. */
export function peerNameOf(socket: CertifiedSocket): PeerName | undefined {
  const { subject, fingerprint256 = '', valid_to = '', raw } = socket.getPeerCertificate?.() ?? {};
  if (!subject) return undefined;
  // Several values of a part of the name are a list.
  const { CN = [], O = [] } = subject as { CN?: string | string[]; O?: string | string[] };
  const [commonName = ''] = [CN].flat();
  const digest = fingerprint256.replaceAll(':', '').toLowerCase();
  return { commonName, organizations: [O].flat(), uids: uidsIn(raw), digest, notAfterMs: Date.parse(valid_to) };
}

// 1.3.6.1.4.1.57683.2, Kubernetes' own, which Node does not tell of.
const uidOid = Buffer.from('2b0601040183c25302', 'hex');

/** The values of that part of a certificate's subject. */
function uidsIn(certificate: Buffer | undefined): string[] {
  if (!certificate?.includes(uidOid)) return [];
  try {
    const [body] = childrenOf(readDer(certificate));
    const parts = childrenOf(body!).filter(({ tag }) => tag === tags.sequence);
    // Algorithm, issuer, validity, subject.
    const names = childrenOf(parts[3]!).flatMap(childrenOf).map(childrenOf);
    return names.filter(([oid]) => uidOid.equals(oid!.content)).map(([, value]) => textOf(value!));
  } catch (err) {
    if (err instanceof DerError) return [];
    throw err;
  }
}

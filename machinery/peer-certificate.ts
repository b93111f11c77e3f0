// Who a peer's certificate names. Whether its signer is trusted, `authorized` of the socket says.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates

/** What TLS sockets of Node have. */
export interface CertifiedSocket {
  getPeerCertificate?(): { subject?: object; fingerprint256?: string; valid_to?: string };
}

export interface PeerName {
  /** Empty where the subject has none. */
  commonName: string;
  organizations: string[];
  /** SHA-256 of the certificate, in hexadecimal digits. */
  digest: string;
  /** When the certificate ends, in milliseconds since 1970; NaN where it does not say so. */
  notAfterMs: number;
}

/** Undefined for a peer that shows no certificate. */
export function peerNameOf(socket: CertifiedSocket): PeerName | undefined {
  const { subject, fingerprint256 = '', valid_to = '' } = socket.getPeerCertificate?.() ?? {};
  if (!subject) return undefined;
  // Several values of a part of the name are a list.
  const { CN = [], O = [] } = subject as { CN?: string | string[]; O?: string | string[] };
  const [commonName = ''] = [CN].flat();
  const digest = fingerprint256.replaceAll(':', '').toLowerCase();
  return { commonName, organizations: [O].flat(), digest, notAfterMs: Date.parse(valid_to) };
}

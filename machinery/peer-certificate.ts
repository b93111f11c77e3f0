// Who a peer's certificate names. Whether its signer is trusted, `authorized` of the socket says.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates

/** What TLS sockets of Node have. */
export interface CertifiedSocket {
  getPeerCertificate?(): { subject?: object; fingerprint256?: string };
}

export interface PeerName {
  /** Empty where the subject has none. */
  commonName: string;
  organizations: string[];
  /** SHA-256 of the certificate, in hexadecimal digits. */
  digest: string;
}

/** Undefined for a peer that shows no certificate. */
export function peerNameOf(socket: CertifiedSocket): PeerName | undefined {
  const { subject, fingerprint256 = '' } = socket.getPeerCertificate?.() ?? {};
  if (!subject) return undefined;
  // Several values of a part of the name are a list.
  const { CN = [], O = [] } = subject as { CN?: string | string[]; O?: string | string[] };
  const [commonName = ''] = [CN].flat();
  return { commonName, organizations: [O].flat(), digest: fingerprint256.replaceAll(':', '').toLowerCase() };
}

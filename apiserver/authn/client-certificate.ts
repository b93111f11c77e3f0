// Client certificates: CN is the user, O are the groups. Upstream: request/x509.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
import type { TLSSocket } from 'node:tls';
import { peerNameOf } from '../../machinery/peer-certificate.ts';
import { type Authenticator, CredentialsError } from './authenticator.ts';
import { authenticated, credentialIdKey, type UserInfo } from './user.ts';

type Finding = { user: UserInfo; notAfterMs: number } | 'none' | 'untrusted' | 'ambiguous';

/**
 * `isOurs`: whether a certificate that the handshake takes is one of a client, where it takes others too. `onUse` is
 * told when the certificate of a request ends, in milliseconds since 1970.
 */
export function clientCertificates(
  isOurs: (socket: TLSSocket) => boolean = () => true,
  onUse?: (notAfterMs: number) => void,
): Authenticator {
  const findings = new WeakMap<TLSSocket, Finding>();
  /** Looks at the certificate of a connection once. */
  const findingOf = (socket: TLSSocket) => findings.getOrInsertComputed(socket, () => readCertificate(socket, isOurs));
  return {
    async authenticate({ socket }) {
      const found = socket ? findingOf(socket) : 'none';
      // What is not trusted does not forbid a token that is.
      if (found === 'untrusted') throw new CredentialsError('x509: certificate signed by unknown authority');
      if (found === 'ambiguous') throw new CredentialsError('x509: expected one UID of the subject');
      if (found === 'none') return undefined;
      onUse?.(found.notAfterMs);
      return found.user;
    },
  };
}

function readCertificate(socket: TLSSocket, isOurs: (socket: TLSSocket) => boolean): Finding {
  const name = peerNameOf(socket);
  if (!name) return 'none';
  if (!socket.authorized || !isOurs(socket)) return 'untrusted';
  const { commonName: username, organizations: groups, uids, digest, notAfterMs } = name;
  if (!username) return 'none';
  const [uid] = uids;
  if (uids.length > 1 || uid === '') return 'ambiguous';
  const extra = digest ? { extra: { [credentialIdKey]: [`X509SHA256=${digest}`] } } : {};
  return { user: authenticated({ username, ...(uid && { uid }), groups, ...extra }), notAfterMs };
}

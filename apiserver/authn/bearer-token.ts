// Bearer tokens, from the Authorization header or, as browsers cannot set it, from a WebSocket's
// subprotocols. Upstream: request/bearertoken and request/websocket.
import { one } from '../server-headers.ts';
import { type Authenticator, CredentialsError, type TokenAuthenticator } from './authenticator.ts';

const protocolPrefix = 'base64url.bearer.authorization.k8s.io.';

/** `audiences`: the server's own. */
export function bearerTokens(tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator {
  return {
    async authenticate({ headers }) {
      const token = tokenOfHeader(one(headers.authorization)) ?? takeFromProtocols(headers);
      if (token === undefined) return undefined;
      const found = await tokens.authenticate(token, audiences);
      if (!found) throw new CredentialsError('invalid bearer token');
      return found.user;
    },
  };
}

function tokenOfHeader(header: string | undefined): string | undefined {
  const [, token] = /^bearer +(\S+)\s*$/i.exec(header?.trim() ?? '') ?? [];
  return token;
}

/** The token is no protocol: what is left are those that the server chooses from. */
function takeFromProtocols(headers: Record<string, string | string[] | undefined>): string | undefined {
  const protocols = (one(headers['sec-websocket-protocol']) ?? '').split(',').map((protocol) => protocol.trim());
  const found = protocols.find((protocol) => protocol.startsWith(protocolPrefix));
  if (found === undefined) return undefined;
  const encoded = found.slice(protocolPrefix.length);
  headers['sec-websocket-protocol'] = protocols.filter((protocol) => protocol !== found).join(', ');
  if (!/^[\w-]+$/.test(encoded)) throw new CredentialsError('invalid bearer token');
  return Buffer.from(encoded, 'base64url').toString('utf8');
}

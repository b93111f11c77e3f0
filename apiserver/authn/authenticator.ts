// Who sent a request: an ordered list of authenticators is asked. Each says who it is, says nothing,
// or refuses. Upstream: request/union, token/union and group in apiserver's authentication.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import type { TLSSocket } from 'node:tls';
import { joinErrors, unauthorizedError } from '../../machinery/errors.ts';
import { authenticated, type UserInfo } from './user.ts';

/** What a request shows of its sender. */
export interface Credentials {
  socket: TLSSocket | undefined;
  headers: Record<string, string | string[] | undefined>;
  path: string;
}

/** Credentials that prove nothing; its message is for those who review tokens. */
export class CredentialsError extends Error {}

/** Somebody known, and for which of the audiences asked for. */
export interface Identity {
  user: UserInfo;
  audiences?: readonly string[];
}

/** Undefined: not my kind of credentials. Rejects with CredentialsError: mine, and they prove nothing. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}

/** Undefined: not my kind of token. Rejects with CredentialsError: mine, and no good. */
export interface TokenAuthenticator {
  authenticate(token: string, audiences: readonly string[]): Promise<Identity | undefined>;
}

export interface RequestAuthenticator {
  /** The user of a request. 401 for credentials that prove nothing. */
  authenticate(credentials: Credentials): Promise<UserInfo>;
  /** Whose a token is, for one of the audiences; none stands for the server's own. Rejects with CredentialsError. */
  review(token: string, audiences: readonly string[]): Promise<Required<Identity>>;
}

interface AuthenticationOrder {
  authenticators: readonly Authenticator[];
  tokens: TokenAuthenticator;
  /** The server's own audiences. */
  audiences: readonly string[];
  /** Who comes without credentials, if they may. */
  anonymous?: Authenticator;
}

/** Asks one after the other. Who knows the user decides, also where another one refused. */
export function authenticateInOrder(order: AuthenticationOrder): RequestAuthenticator {
  const { authenticators, tokens, audiences, anonymous } = order;
  return {
    async authenticate(credentials) {
      let isRefused = false;
      for (const authenticator of authenticators) {
        try {
          const user = await authenticator.authenticate(credentials);
          if (user) return authenticated(user);
        } catch (err) {
          if (!(err instanceof CredentialsError)) throw err;
          isRefused = true;
        }
      }
      const user = isRefused ? undefined : await anonymous?.authenticate(credentials);
      if (!user) throw unauthorizedError();
      return user;
    },
    async review(token, wanted) {
      const asked = wanted.length > 0 ? wanted : audiences;
      const found = await tokens.authenticate(token, asked);
      if (!found) throw new CredentialsError('invalid bearer token');
      return { user: authenticated(found.user), audiences: found.audiences ?? asked };
    },
  };
}

/** Asks those who know tokens one after the other; when nobody knows it, every refusal is told. */
export function tokensInOrder(members: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    async authenticate(token, audiences) {
      const refusals: string[] = [];
      for (const member of members) {
        try {
          const found = await member.authenticate(token, audiences);
          if (found) return found;
        } catch (err) {
          if (!(err instanceof CredentialsError)) throw err;
          refusals.push(err.message);
        }
      }
      if (refusals.length > 0) throw new CredentialsError(joinErrors(['invalid bearer token', ...refusals]));
      return undefined;
    },
  };
}

/** Tokens that say nothing of audiences are for the server's own. */
export function forOwnAudiences(
  own: readonly string[],
  authenticate: (token: string) => Promise<UserInfo | undefined>,
): TokenAuthenticator {
  return {
    async authenticate(token, wanted) {
      const audiences = own.filter((audience) => wanted.includes(audience));
      if (audiences.length === 0) return undefined;
      const user = await authenticate(token);
      return user && { user, audiences };
    },
  };
}

// The authenticators, in the order in which they are asked. Upstream: Config.New in kubeapiserver's authenticator.
import type { Clock } from '../../machinery/clock.ts';
import { FlagError } from '../../machinery/flags.ts';
import type { KindTable } from '../registry/kind-table.ts';
import { type ReviewVersion, readReviewAccess, readReviewVersion, readTtl, reviewWebhook } from '../review-webhook.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WebhookClient, WebhookClientConfig } from '../webhook-client.ts';
import {
  authenticateInOrder,
  forOwnAudiences,
  type RequestAuthenticator,
  type TokenAuthenticator,
  tokensInOrder,
} from './authenticator.ts';
import { bearerTokens } from './bearer-token.ts';
import { bootstrapUser } from './bootstrap-token.ts';
import { clientCertificates } from './client-certificate.ts';
import type { AuthenticationOptions } from './flags.ts';
import { oidcUser } from './oidc.ts';
import { readOidcOptions } from './oidc-flags.ts';
import { OidcIssuer } from './oidc-issuer.ts';
import { type RequestHeaderOptions, requestHeaders } from './request-header.ts';
import { readTokenFile } from './token-file.ts';
import type { ServiceAccountTokens } from './tokens.ts';
import { leadsTo, readAuthorities } from './trusted-authority.ts';
import { anonymousUser } from './user.ts';
import { webhookTokens } from './webhook-token.ts';

export interface AuthenticationDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  tokens: ServiceAccountTokens;
  webhooks: WebhookClient;
  clientCaFile: string;
}

/** Undefined where no proxy is trusted. Throws for headers without an authority of those who send them. */
export function readRequestHeaderOptions(options: AuthenticationOptions): RequestHeaderOptions | undefined {
  const file = options['requestheader-client-ca-file'];
  const usernameHeaders = options['requestheader-username-headers'];
  if (!file) {
    if (usernameHeaders.length === 0) return undefined;
    throw new FlagError('--requestheader-client-ca-file is required when --requestheader-username-headers is set');
  }
  return {
    authorities: readAuthorities(file),
    allowedNames: options['requestheader-allowed-names'],
    usernameHeaders,
    uidHeaders: options['requestheader-uid-headers'],
    groupHeaders: options['requestheader-group-headers'],
    extraPrefixes: options['requestheader-extra-headers-prefix'],
  };
}

export function createAuthenticator(options: AuthenticationOptions, deps: AuthenticationDeps): RequestAuthenticator {
  const audiences = deps.tokens.defaultAudiences;
  const headers = readRequestHeaderOptions(options);
  const clients = headers && readAuthorities(deps.clientCaFile);
  const tokens = tokensInOrder(tokenAuthenticators(readTokenSettings(options), deps));
  return authenticateInOrder({
    authenticators: [
      ...(headers ? [requestHeaders(headers)] : []),
      clientCertificates(clients && ((socket) => leadsTo(socket, clients))),
      bearerTokens(tokens, audiences),
    ],
    tokens,
    audiences,
    ...(options['anonymous-auth'] ? { anonymous: { authenticate: async () => anonymousUser } } : {}),
  });
}

/** Who knows tokens, as the flags and their files say. */
export interface TokenSettings {
  /** By token. */
  users?: ReturnType<typeof readTokenFile>;
  bootstrapTokens: boolean;
  oidc?: ReturnType<typeof readOidcOptions>;
  webhook?: { access: WebhookClientConfig; version: ReviewVersion; ttlMs: number };
}

/** Reads the files now. Throws for what cannot be used. */
export function readTokenSettings(options: AuthenticationOptions): TokenSettings {
  const { 'token-auth-file': file, 'authentication-token-webhook-config-file': webhook } = options;
  const [version, ttl] = ['authentication-token-webhook-version', 'authentication-token-webhook-cache-ttl'] as const;
  return {
    ...(file ? { users: readTokenFile(file) } : {}),
    bootstrapTokens: options['enable-bootstrap-token-auth'],
    oidc: readOidcOptions(options),
    ...(webhook
      ? {
          webhook: {
            access: readReviewAccess('authentication-token-webhook-config-file', webhook),
            version: readReviewVersion(version, options[version]),
            ttlMs: readTtl(ttl, options[ttl]),
          },
        }
      : {}),
  };
}

function tokenAuthenticators(settings: TokenSettings, deps: AuthenticationDeps): TokenAuthenticator[] {
  const { tokens, clock } = deps;
  const { users, bootstrapTokens, oidc, webhook } = settings;
  const own = tokens.defaultAudiences;
  const members: TokenAuthenticator[] = [];
  if (users) members.push(forOwnAudiences(own, async (token) => users.get(token)));
  members.push({ authenticate: (token, audiences) => tokens.authenticate(token, deps, audiences) });
  if (bootstrapTokens) members.push(forOwnAudiences(own, (token) => bootstrapUser(token, deps)));
  if (oidc) {
    const issuer = new OidcIssuer(oidc.issuerUrl, oidc.ca, clock);
    members.push(forOwnAudiences(own, (token) => oidcUser(token, oidc, { issuer, clock })));
  }
  if (webhook) {
    const { access, version, ttlMs } = webhook;
    members.push(webhookTokens({ ask: reviewWebhook(deps.webhooks, access), version, ttlMs, audiences: own, clock }));
  }
  return members;
}

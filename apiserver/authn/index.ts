// The authenticators, in the order in which they are asked. Upstream: Config.New in kubeapiserver's authenticator.

import { tokenReviewStatus } from '../../api/authentication/tokenreview.ts';
import { readConfigFile } from '../../host/config-file.ts';
import type { Clock } from '../../machinery/clock.ts';
import { ConfigFileError, parseConfig } from '../../machinery/config-file.ts';
import { FlagError } from '../../machinery/flags.ts';
import { jsonEqual } from '../../machinery/json.ts';
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
import { authenticationConfigForm, issuerOf, type JwtIssuer } from './jwt-config.ts';
import type { AuthenticationConfig } from './jwt-schema.ts';
import { oidcUser } from './oidc.ts';
import { readOidcOptions } from './oidc-flags.ts';
import { OidcIssuer } from './oidc-issuer.ts';
import { type RequestHeaderOptions, requestHeaders } from './request-header.ts';
import { readTokenFile } from './token-file.ts';
import type { ServiceAccountTokens } from './tokens.ts';
import { leadsTo, readAuthorities } from './trusted-authority.ts';
import { anonymousUser } from './user.ts';
import { webhookTokens } from './webhook-token.ts';

interface AuthenticationDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  tokens: ServiceAccountTokens;
  webhooks: WebhookClient;
  clientCaFile: string;
  /** Told when the certificate of a request ends, in milliseconds since 1970. */
  onCertificate?: (notAfterMs: number) => void;
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

export interface ReloadableAuthenticator extends RequestAuthenticator {
  /**
   * Knows the issuers that another text of the configuration file names, once each has told its keys. Rejects, and goes
   * on as before, with ConfigFileError for a text that does not do, and with others where an issuer cannot be asked.
   */
  configure(text: string): Promise<void>;
  /** Reads anew whose certificates are trusted, also on connections that are open. Throws, and goes on as before. */
  trust(): void;
}

export function createAuthenticator(options: AuthenticationOptions, deps: AuthenticationDeps): ReloadableAuthenticator {
  const audiences = deps.tokens.defaultAudiences;
  const settings = readTokenSettings(options);
  let current = tokensInOrder(tokenAuthenticators(settings, deps));
  const tokens: TokenAuthenticator = { authenticate: (token, wanted) => current.authenticate(token, wanted) };
  const bearers = bearerTokens(tokens, audiences);
  const orderNow = () => {
    const headers = readRequestHeaderOptions(options);
    const clients = readAuthorities(deps.clientCaFile);
    return authenticateInOrder({
      authenticators: [
        ...(headers ? [requestHeaders(headers)] : []),
        clientCertificates((socket) => leadsTo(socket, clients), deps.onCertificate),
        bearers,
      ],
      tokens,
      audiences,
      ...(settings.anonymous ? { anonymous: anonymousOn(settings.anonymous.paths) } : {}),
    });
  };
  let order = orderNow();
  return {
    authenticate: (credentials) => order.authenticate(credentials),
    review: (token, wanted) => order.review(token, wanted),
    trust() {
      order = orderNow();
    },
    async configure(text) {
      const path = options['authentication-config']!;
      const { jwt = [], anonymous } = parseConfig(text, path, authenticationConfigForm);
      if (!jsonEqual(anonymous, settings.anonymousInFile)) {
        throw new ConfigFileError(`${path}: anonymous: Forbidden: changed from initial configuration file`);
      }
      const issuers = jwt.map(issuerOf);
      await Promise.all(issuers.map((one) => new OidcIssuer({ ...one, url: one.issuerUrl }, deps.clock).ready()));
      current = tokensInOrder(tokenAuthenticators({ ...settings, issuers }, deps));
    },
  };
}

const anonymousOn = (paths: ReadonlySet<string> | undefined) => ({
  authenticate: async ({ path }: { path: string }) => (!paths || paths.has(path) ? anonymousUser : undefined),
});

/** Who knows tokens, as the flags and their files say. */
interface TokenSettings {
  /** By token. */
  users?: ReturnType<typeof readTokenFile>;
  bootstrapTokens: boolean;
  issuers: readonly JwtIssuer[];
  /** Who needs no credentials: everybody everywhere, or on these paths alone; undefined: nobody. */
  anonymous?: { paths?: ReadonlySet<string> };
  /** What the configuration file says of them. */
  anonymousInFile?: AuthenticationConfig['anonymous'];
  webhook?: { access: WebhookClientConfig; version: ReviewVersion; ttlMs: number };
}

/** Reads the files now. Throws for what cannot be used. */
export function readTokenSettings(options: AuthenticationOptions): TokenSettings {
  const { 'token-auth-file': file, 'authentication-token-webhook-config-file': webhook } = options;
  const [version, ttl] = ['authentication-token-webhook-version', 'authentication-token-webhook-cache-ttl'] as const;
  return {
    ...(file ? { users: readTokenFile(file) } : {}),
    bootstrapTokens: options['enable-bootstrap-token-auth'],
    ...readIssuers(options),
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

/** From the flags of one issuer, or from a file. */
function readIssuers(options: AuthenticationOptions): Pick<TokenSettings, 'issuers' | 'anonymous' | 'anonymousInFile'> {
  const file = options['authentication-config'];
  const oidc = readOidcOptions(options);
  const byFlag = options['anonymous-auth'] ? { anonymous: {} } : {};
  if (!file) return { issuers: oidc ? [oidc] : [], ...byFlag };
  if (oidc) throw new FlagError('authentication-config file and oidc-* flags are mutually exclusive');
  const { jwt = [], anonymous } = readConfigFile(file, authenticationConfigForm);
  const issuers = jwt.map(issuerOf);
  if (!anonymous) return { issuers, ...byFlag };
  if (!options['anonymous-auth']) {
    const where = 'anonymous field is configured in authentication configuration file';
    throw new FlagError(`--anonymous-auth flag cannot be set when ${where}`);
  }
  if (!anonymous.enabled) return { issuers, anonymousInFile: anonymous };
  const paths = (anonymous.conditions ?? []).map(({ path = '' }) => path);
  return { issuers, anonymous: paths.length > 0 ? { paths: new Set(paths) } : {}, anonymousInFile: anonymous };
}

function tokenAuthenticators(settings: TokenSettings, deps: AuthenticationDeps): TokenAuthenticator[] {
  const { tokens, clock } = deps;
  const { users, bootstrapTokens, issuers, webhook } = settings;
  const own = tokens.defaultAudiences;
  const members: TokenAuthenticator[] = [];
  if (users) members.push(forOwnAudiences(own, async (token) => users.get(token)));
  members.push({ authenticate: (token, audiences) => tokens.authenticate(token, deps, audiences) });
  if (bootstrapTokens) members.push(forOwnAudiences(own, (token) => bootstrapUser(token, deps)));
  for (const one of issuers) {
    const issuer = new OidcIssuer({ ...one, url: one.issuerUrl }, clock);
    members.push(forOwnAudiences(own, (token) => oidcUser(token, one, { issuer, clock })));
  }
  if (webhook) {
    const { access, version, ttlMs } = webhook;
    const ask = reviewWebhook(deps.webhooks, access, tokenReviewStatus);
    members.push(webhookTokens({ ask, version, ttlMs, audiences: own, clock }));
  }
  return members;
}

// The authorizers, in the order in which they are asked.

import { subjectAccessReviewStatus } from '../../api/authorization/access-attributes.ts';
import { readConfigFile } from '../../host/config-file.ts';
import type { Clock } from '../../machinery/clock.ts';
import { ConfigFileError, parseConfig } from '../../machinery/config-file.ts';
import { parseGoDuration } from '../../machinery/duration.ts';
import { FlagError } from '../../machinery/flags.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { KindTable } from '../registry/kind-table.ts';
import { readReviewAccess, readReviewVersion, readTtl, reviewWebhook } from '../review-webhook.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WebhookClient, WebhookClientConfig } from '../webhook-client.ts';
import { createAbacAuthorizer, readPolicyFile } from './abac.ts';
import { type AuthorizationMode, type Authorizer, authorizeInOrder } from './attributes.ts';
import { conditionsOf } from './conditions.ts';
import { type AuthorizationConfig, authorizationConfigForm, authorizerTypes, type WebhookConfig } from './config.ts';
import { type AuthorizationOptions, authorizationDefaults, authorizationFlags } from './flags.ts';
import { createNodeAuthorizer } from './node.ts';
import { createRbacAuthorizer } from './rbac.ts';
import { alwaysAllow, alwaysDeny, superusers } from './superusers.ts';
import { createWebhookAuthorizer, type WebhookAuthorizerOptions } from './webhook.ts';

interface AuthorizationDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  webhooks: WebhookClient;
}

type WebhookSettings = { access: WebhookClientConfig; timeoutSeconds?: number; conditions?: readonly string[] } & Omit<
  WebhookAuthorizerOptions,
  'ask' | 'clock' | 'isAskedAbout'
>;

/** One who is asked for rights, as the flags and their files say. */
interface AuthorizerSettings {
  type: string;
  webhook?: WebhookSettings;
  policies?: ReturnType<typeof readPolicyFile>;
}

/** Reads the files now; in the order of asking. Throws for what does not fit together. */
export function readAuthorizationSettings(options: AuthorizationOptions): AuthorizerSettings[] {
  const file = options['authorization-config'];
  if (!file) return readFlags(options);
  const names = Object.keys(authorizationFlags) as (keyof AuthorizationOptions)[];
  const isGiven = (name: keyof AuthorizationOptions) => !jsonEqual(options[name], authorizationDefaults[name]);
  if (names.some((name) => name !== 'authorization-config' && isGiven(name))) {
    const rest = '--authorization-mode or --authorization-webhook-*';
    throw new FlagError(`--authorization-config can not be specified when ${rest} flags are defined`);
  }
  return settingsOf(readConfigFile(file, authorizationConfigForm));
}

const settingsOf = ({ authorizers = [] }: AuthorizationConfig): AuthorizerSettings[] =>
  authorizers.map(({ type = '', webhook }) => ({
    type,
    ...(webhook ? { webhook: webhookSettings(webhook) } : {}),
  }));

const defaultTtlMs = { authorized: 5 * 60_000, unauthorized: 30_000 };

function webhookSettings(config: WebhookConfig): WebhookSettings {
  const { timeout = '', authorizedTTL, unauthorizedTTL, matchConditions = [] } = config;
  const ttlMs = (text: string | undefined, fallback: number, isKept = true) =>
    isKept ? (text ? parseGoDuration(text) : fallback) : 0;
  return {
    access: readReviewAccess('authorization-config', config.connectionInfo?.kubeConfigFile ?? ''),
    version: readReviewVersion('authorization-config', config.subjectAccessReviewVersion ?? ''),
    authorizedTtlMs: ttlMs(authorizedTTL, defaultTtlMs.authorized, config.cacheAuthorizedRequests),
    unauthorizedTtlMs: ttlMs(unauthorizedTTL, defaultTtlMs.unauthorized, config.cacheUnauthorizedRequests),
    timeoutSeconds: parseGoDuration(timeout) / 1000,
    denies: config.failurePolicy === 'Deny',
    conditions: matchConditions.map(({ expression = '' }) => expression),
  };
}

function readFlags(options: AuthorizationOptions): AuthorizerSettings[] {
  const modes = options['authorization-mode'];
  const file = options['authorization-webhook-config-file'];
  if (modes.length === 0) throw new FlagError('--authorization-mode: at least one authorization-mode must be passed');
  if (new Set(modes).size < modes.length) throw new FlagError('--authorization-mode: a mode is given twice');
  const unknown = modes.find((mode) => mode !== 'ABAC' && !authorizerTypes.includes(mode));
  if (unknown !== undefined) {
    throw new FlagError(`--authorization-mode: ${JSON.stringify(unknown)} is not a valid mode`);
  }
  const policyFile = options['authorization-policy-file'];
  const isAbac = modes.includes('ABAC');
  if (isAbac && !policyFile) throw new FlagError("authorization-mode ABAC's authorization policy file not passed");
  if (!isAbac && policyFile) throw new FlagError('cannot specify --authorization-policy-file without mode ABAC');
  const policies = policyFile ? readPolicyFile(policyFile) : [];
  const own = (type: string): AuthorizerSettings => (type === 'ABAC' ? { type, policies } : { type });
  if (!modes.includes('Webhook')) {
    if (file) throw new FlagError('cannot specify --authorization-webhook-config-file without mode Webhook');
    return modes.map(own);
  }
  if (!file) throw new FlagError("authorization-mode Webhook's authorization config file not passed");
  const ttlMs = (flag: 'authorized' | 'unauthorized') => {
    const name = `authorization-webhook-cache-${flag}-ttl` as const;
    return readTtl(name, options[name]);
  };
  const webhook = {
    access: readReviewAccess('authorization-webhook-config-file', file),
    version: readReviewVersion('authorization-webhook-version', options['authorization-webhook-version']),
    authorizedTtlMs: ttlMs('authorized'),
    unauthorizedTtlMs: ttlMs('unauthorized'),
  };
  return modes.map((type) => (type === 'Webhook' ? { type, webhook } : own(type)));
}

export interface ReloadableAuthorizer extends Authorizer {
  /** Asks as another text of the configuration file says. Throws ConfigFileError, and goes on as before. */
  configure(text: string): void;
}

/** Throws for what does not fit together. */
export function createAuthorizer(deps: AuthorizationDeps, options = authorizationDefaults): ReloadableAuthorizer {
  const first = readAuthorizationSettings(options);
  /** Those who ask nobody outside: they are there from the start, or never. */
  const own = new Map(first.filter(({ webhook }) => !webhook).map((one) => [one.type, modeOf(one, deps)]));
  const inOrder = (settings: readonly AuthorizerSettings[]) =>
    authorizeInOrder([superusers, ...settings.map((one) => own.get(one.type) ?? modeOf(one, deps))]);
  let current = inOrder(first);
  return {
    authorize: (attributes) => current.authorize(attributes),
    rulesFor: (user, namespace) => current.rulesFor(user, namespace),
    configure(text) {
      const path = options['authorization-config']!;
      const next = settingsOf(parseConfig(text, path, authorizationConfigForm));
      const refuse = (why: string) => new ConfigFileError(`${path}: ${why}`);
      const missing = [...own.keys()].filter((type) => !next.some((one) => one.type === type)).sort();
      if (missing.length > 0) throw refuse(`missing required types: [${missing.join(' ')}]`);
      const added = next.find(({ type, webhook }) => !webhook && !own.has(type));
      if (added) {
        throw refuse(`authorizer type ${added.type} is not allowed if it was not enabled at initial server startup`);
      }
      current = inOrder(next);
    },
  };
}

function modeOf({ type, webhook, policies }: AuthorizerSettings, deps: AuthorizationDeps): AuthorizationMode {
  if (webhook) {
    const { access, timeoutSeconds, conditions = [], ...rest } = webhook;
    const ask = reviewWebhook(deps.webhooks, access, subjectAccessReviewStatus, timeoutSeconds);
    const isAskedAbout = conditions.length > 0 ? conditionsOf(conditions) : undefined;
    return createWebhookAuthorizer({ ...rest, ask, isAskedAbout, clock: deps.clock });
  }
  if (policies) return createAbacAuthorizer(policies);
  if (type === 'Node') return createNodeAuthorizer(deps.store, deps.kinds);
  if (type === 'RBAC') return createRbacAuthorizer(deps.store, deps.kinds);
  return type === 'AlwaysAllow' ? alwaysAllow : alwaysDeny;
}

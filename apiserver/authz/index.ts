// The authorizers, in the order in which they are asked.
import type { Clock } from '../../machinery/clock.ts';
import { FlagError } from '../../machinery/flags.ts';
import type { KindTable } from '../registry/kind-table.ts';
import { type ReviewVersion, readReviewAccess, readReviewVersion, readTtl, reviewWebhook } from '../review-webhook.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WebhookClient, WebhookClientConfig } from '../webhook-client.ts';
import { type AuthorizationMode, type Authorizer, authorizeInOrder } from './attributes.ts';
import { type AuthorizationOptions, authorizationDefaults } from './flags.ts';
import { createNodeAuthorizer } from './node.ts';
import { createRbacAuthorizer } from './rbac.ts';
import { alwaysAllow, alwaysDeny, superusers } from './superusers.ts';
import { createWebhookAuthorizer } from './webhook.ts';

export interface AuthorizationDeps {
  store: ObjectStore;
  kinds: KindTable;
  clock: Clock;
  webhooks: WebhookClient;
}

/** Who is asked for rights, as the flags and their files say. */
export interface AuthorizationSettings {
  /** In this order. */
  modes: readonly string[];
  webhook?: { access: WebhookClientConfig; version: ReviewVersion; authorizedTtlMs: number; unauthorizedTtlMs: number };
}

const known = ['Node', 'RBAC', 'Webhook', 'AlwaysAllow', 'AlwaysDeny'];

/** Reads the files now. Throws FlagError for modes that do not fit together. */
export function readAuthorizationSettings(options: AuthorizationOptions): AuthorizationSettings {
  const modes = options['authorization-mode'];
  const file = options['authorization-webhook-config-file'];
  if (modes.length === 0) throw new FlagError('--authorization-mode: at least one authorization-mode must be passed');
  if (new Set(modes).size < modes.length) throw new FlagError('--authorization-mode: a mode is given twice');
  const unknown = modes.find((mode) => !known.includes(mode));
  if (unknown !== undefined) {
    throw new FlagError(`--authorization-mode: ${JSON.stringify(unknown)} is not a valid mode`);
  }
  if (!modes.includes('Webhook')) {
    if (file) throw new FlagError('cannot specify --authorization-webhook-config-file without mode Webhook');
    return { modes };
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
  return { modes, webhook };
}

/** Throws FlagError for modes that do not fit together. */
export function createAuthorizer(deps: AuthorizationDeps, options = authorizationDefaults): Authorizer {
  const { modes, webhook } = readAuthorizationSettings(options);
  const make: Record<string, () => AuthorizationMode[]> = {
    Node: () => [createNodeAuthorizer(deps.store, deps.kinds)],
    RBAC: () => [createRbacAuthorizer(deps.store, deps.kinds)],
    Webhook: () => {
      if (!webhook) return [];
      const { access, ...rest } = webhook;
      return [createWebhookAuthorizer({ ...rest, ask: reviewWebhook(deps.webhooks, access), clock: deps.clock })];
    },
    AlwaysAllow: () => [alwaysAllow],
    AlwaysDeny: () => [alwaysDeny],
  };
  return authorizeInOrder([superusers, ...modes.flatMap((mode) => make[mode]!())]);
}

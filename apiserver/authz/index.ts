// The authorizers, in the order in which they are asked.
import type { Clock } from '../../machinery/clock.ts';
import { FlagError } from '../../machinery/flags.ts';
import type { KindTable } from '../registry/kind-table.ts';
import { readReviewVersion, readTtl, reviewWebhook } from '../review-webhook.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WebhookClient } from '../webhook-client.ts';
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

/** Throws FlagError for modes that do not fit together. */
export function createAuthorizer(deps: AuthorizationDeps, options = authorizationDefaults): Authorizer {
  const names = options['authorization-mode'];
  if (names.length === 0) throw new FlagError('--authorization-mode: at least one authorization-mode must be passed');
  if (new Set(names).size < names.length) throw new FlagError('--authorization-mode: a mode is given twice');
  if (options['authorization-webhook-config-file'] && !names.includes('Webhook')) {
    throw new FlagError('cannot specify --authorization-webhook-config-file without mode Webhook');
  }
  return authorizeInOrder([superusers, ...names.map((name) => modeOf(name, deps, options))]);
}

function modeOf(name: string, deps: AuthorizationDeps, options: AuthorizationOptions): AuthorizationMode {
  switch (name) {
    case 'Node':
      return createNodeAuthorizer(deps.store, deps.kinds);
    case 'RBAC':
      return createRbacAuthorizer(deps.store, deps.kinds);
    case 'Webhook':
      return webhookOf(deps, options);
    case 'AlwaysAllow':
      return alwaysAllow;
    case 'AlwaysDeny':
      return alwaysDeny;
    default:
      throw new FlagError(`--authorization-mode: ${JSON.stringify(name)} is not a valid mode`);
  }
}

function webhookOf({ clock, webhooks }: AuthorizationDeps, options: AuthorizationOptions): AuthorizationMode {
  const file = options['authorization-webhook-config-file'];
  if (!file) throw new FlagError("authorization-mode Webhook's authorization config file not passed");
  const ttlMs = (flag: 'authorized' | 'unauthorized') => {
    const name = `authorization-webhook-cache-${flag}-ttl` as const;
    return readTtl(name, options[name]);
  };
  return createWebhookAuthorizer({
    ask: reviewWebhook(webhooks, 'authorization-webhook-config-file', file),
    version: readReviewVersion('authorization-webhook-version', options['authorization-webhook-version']),
    authorizedTtlMs: ttlMs('authorized'),
    unauthorizedTtlMs: ttlMs('unauthorized'),
    clock,
  });
}

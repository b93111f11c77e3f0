// Tokens that somebody outside knows: asked with a TokenReview. Upstream: token/webhook.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication

import type { tokenReviewStatus } from '../../api/authentication/tokenreview.ts';
import { AnswerCache } from '../../machinery/answer-cache.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { TypeOf } from '../../machinery/schema.ts';
import type { AskReview, ReviewVersion } from '../review-webhook.ts';
import { WebhookError } from '../webhook-client.ts';
import { CredentialsError, type Identity, type TokenAuthenticator } from './authenticator.ts';

type Status = TypeOf<typeof tokenReviewStatus>;

interface WebhookTokenOptions {
  ask: AskReview<Status>;
  version: ReviewVersion;
  /** How long an answer is kept. */
  ttlMs: number;
  /** The server's own audiences: a webhook that says nothing of audiences speaks for them. */
  audiences: readonly string[];
  clock: Clock;
}

export function webhookTokens(options: WebhookTokenOptions): TokenAuthenticator {
  const { ask, version, ttlMs, audiences: own, clock } = options;
  const cache = new AnswerCache<Status>(clock, () => ttlMs);
  return {
    async authenticate(token, wanted) {
      const review = {
        group: 'authentication.k8s.io',
        version,
        kind: 'TokenReview',
        spec: { token, audiences: wanted },
      };
      let status: Status;
      try {
        status = await cache.get(JSON.stringify([token, wanted]), () => ask(review));
      } catch (err) {
        if (!(err instanceof WebhookError)) throw err;
        throw new CredentialsError(err.message, { cause: err });
      }
      if (status.authenticated !== true) {
        if (status.error) throw new CredentialsError(status.error);
        return undefined;
      }
      return identityOf(status, wanted, own);
    },
  };
}

/** Undefined when the token is for others. */
function identityOf(
  { user = {}, audiences = [] }: Status,
  wanted: readonly string[],
  own: readonly string[],
): Identity | undefined {
  const given = new Set(audiences.length > 0 ? audiences : own);
  const shared = wanted.filter((audience) => given.has(audience));
  if (shared.length === 0) return undefined;
  const { username = '', uid, groups, extra } = user;
  // null is a list too, and what comes after wants one.
  const lists = extra && Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, values ?? []]));
  return {
    user: { username, ...(uid ? { uid } : {}), groups: groups ?? [], ...(lists ? { extra: lists } : {}) },
    audiences: shared,
  };
}

// Rights that somebody outside knows of: asked with a SubjectAccessReview. Upstream: authorizer/webhook.
// https://kubernetes.io/docs/reference/access-authn-authz/webhook/

import type { SubjectAccessReviewStatus } from '../../api/authorization/access-attributes.ts';
import { AnswerCache } from '../../machinery/answer-cache.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { AskReview, ReviewVersion } from '../review-webhook.ts';
import { WebhookError } from '../webhook-client.ts';
import { type Attributes, type AuthorizationMode, type Decision, selectorAttributes } from './attributes.ts';

export interface WebhookAuthorizerOptions {
  ask: AskReview<SubjectAccessReviewStatus>;
  version: ReviewVersion;
  authorizedTtlMs: number;
  unauthorizedTtlMs: number;
  clock: Clock;
  /** Where it cannot be asked nobody else is. */
  denies?: boolean | undefined;
  /** Whether it is asked; a text says why that cannot be told. */
  isAskedAbout?: ((attributes: Attributes) => boolean | string) | undefined;
}

export function createWebhookAuthorizer(options: WebhookAuthorizerOptions): AuthorizationMode {
  const { ask, version, clock } = options;
  const cache = new AnswerCache<SubjectAccessReviewStatus>(clock, ({ allowed }) =>
    allowed === true ? options.authorizedTtlMs : options.unauthorizedTtlMs,
  );
  return {
    async authorize(attributes) {
      const failed = (error: string): Decision => ({
        allowed: false,
        ...(options.denies ? { denied: true } : {}),
        reason: '',
        error,
      });
      const isAsked = options.isAskedAbout?.(attributes) ?? true;
      if (typeof isAsked === 'string') return failed(isAsked);
      if (!isAsked) return { allowed: false, reason: '' };
      const spec = specOf(attributes, version);
      const review = { group: 'authorization.k8s.io', version, kind: 'SubjectAccessReview', spec };
      try {
        return decisionOf(await cache.get(JSON.stringify(spec), () => ask(review)));
      } catch (err) {
        if (!(err instanceof WebhookError)) throw err;
        return failed(err.message);
      }
    },
    rulesFor: () => ({ rules: [], incomplete: 'webhook authorizer does not support user rule resolution' }),
  };
}

function decisionOf({ allowed, denied, reason = '', evaluationError }: SubjectAccessReviewStatus): Decision {
  const why = { reason };
  if (denied === true && allowed === true) {
    const error = 'webhook subject access review returned both allow and deny response';
    return { allowed: false, denied: true, reason: '', error };
  }
  if (denied === true) return { allowed: false, denied: true, ...why };
  if (allowed === true) return { allowed: true, ...why };
  return { allowed: false, ...why, ...(evaluationError ? { error: evaluationError } : {}) };
}

/** The question, with fields that are empty left out. */
function specOf(attributes: Attributes, version: ReviewVersion): object {
  const { user, isResource, verb, path, namespace, group, resource, subresource, name } = attributes;
  const groups = version === 'v1' ? { groups: user.groups } : { group: user.groups };
  const asked = isResource
    ? {
        resourceAttributes: {
          ...filled({ namespace, verb, group, version: attributes.version, resource, subresource, name }),
          ...selectorAttributes(attributes),
        },
      }
    : { nonResourceAttributes: filled({ path, verb }) };
  return {
    ...asked,
    ...filled({ user: user.username, uid: user.uid ?? '' }),
    ...(user.groups.length > 0 ? groups : {}),
    ...(user.extra ? { extra: user.extra } : {}),
  };
}

function filled(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

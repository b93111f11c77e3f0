// Asks one webhook about a request, and reads its answer. Upstream: the dispatchers in apiserver's
// admission/plugin/webhook/{mutating,validating}.
import { randomUUID } from 'node:crypto';
import type { Webhook } from '../../../api/admissionregistration/webhook/schema.ts';
import { badRequestError, internalError, StatusError } from '../../../machinery/errors.ts';
import type { ServedResource } from '../../registry/kind-table.ts';
import { WebhookError } from '../../webhook-client.ts';
import { type AdmissionDeps, type AdmissionRequest, refusal } from '../plugin.ts';
import { matchesConditions } from './match-conditions.ts';
import { matchesNamespace, matchesObject, matchRules } from './matching.ts';
import {
  buildReview,
  chooseReviewVersion,
  InvalidResponseError,
  type ReviewResponse,
  type ReviewView,
  readReview,
} from './review.ts';
import { viewIn } from './view.ts';

/** What a webhook is to be asked. */
export interface Question {
  view: ReviewView;
  uid: string;
  version: string;
  review: object;
}

/** What the webhook is to be asked about the request; undefined when it does not want to be. */
export async function questionFor(
  webhook: Webhook,
  request: AdmissionRequest,
  versions: readonly ServedResource[],
  deps: AdmissionDeps,
): Promise<Question | undefined> {
  const resource = matchRules(webhook, request, versions);
  if (!resource || !matchesObject(webhook, request)) return undefined;
  if (!(await matchesNamespace(webhook, request, deps))) return undefined;
  const view = await viewIn(request, resource, deps);
  const uid = randomUUID();
  const version = chooseReviewVersion(webhook.admissionReviewVersions);
  const review = buildReview(request, view, { uid, requested: versions[0]!, version });
  const matches = await matchesConditions(webhook.matchConditions ?? [], review, request, deps);
  if (typeof matches === 'string' && webhook.failurePolicy !== 'Ignore') throw refusal(request, matches);
  return matches === true ? { view, uid, version, review } : undefined;
}

export interface Asked {
  /** Undefined: it could not be asked, and that is no reason to refuse. */
  response: ReviewResponse | undefined;
  view: ReviewView;
}

/** The answer of a webhook that lets the request through. Throws a StatusError otherwise. */
export async function askWebhook(
  webhook: Webhook,
  request: AdmissionRequest,
  { view, uid, version, review }: Question,
  { deps, mutating }: { deps: AdmissionDeps; mutating: boolean },
): Promise<Asked> {
  if (request.dryRun && webhook.sideEffects !== 'None' && webhook.sideEffects !== 'NoneOnDryRun') {
    throw badRequestError(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  }
  const ask = async (): Promise<Asked> => {
    const answer = await deps.webhooks.post(webhook.clientConfig, webhook.timeoutSeconds ?? 10, review);
    const response = readReview(answer, { uid, version, mutating });
    for (const text of response.warnings) request.warn(text);
    for (const [key, value] of Object.entries(response.auditAnnotations)) {
      request.annotate?.(`${webhook.name}/${key}`, value);
    }
    if (response.allowed) return { response, view };
    throw rejection(webhook.name, response.status);
  };
  const asked = { name: webhook.name, operation: request.operation, isMutating: mutating };
  try {
    return await (deps.metrics?.asked(asked, ask(), (err) => explain(err) !== undefined) ?? ask());
  } catch (err) {
    const why = explain(err);
    if (why === undefined) throw err;
    if (webhook.failurePolicy === 'Ignore') {
      deps.metrics?.failedOpen(asked);
      request.annotate?.(`failed-open.${mutating ? 'mutation' : 'validation'}.webhook.admission.k8s.io`, webhook.name);
      return { response: undefined, view };
    }
    throw internalError(`failed calling webhook ${JSON.stringify(webhook.name)}: ${why}`, err);
  }
}

/** Why a webhook gave no answer; undefined for what is none of its failures. */
function explain(err: unknown): string | undefined {
  if (err instanceof WebhookError) return `failed to call webhook: ${err.message}`;
  return err instanceof InvalidResponseError ? `received invalid webhook response: ${err.message}` : undefined;
}

/** What the client is told when a webhook says no. A code that tells of no error is none. */
function rejection(name: string, status: ReviewResponse['status']): StatusError {
  const { code = 0, message, reason = '', details } = status ?? {};
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = message || reason;
  const text = why ? `${denied}: ${why}` : `${denied} without explanation`;
  const isError = code >= 400 && code <= 599;
  return new StatusError(isError ? code : 400, reason as StatusError['reason'], text, details ? { details } : {});
}

// Asks somebody outside for a review, of a token or of a right: who that is stands in a kubeconfig.
// https://kubernetes.io/docs/reference/access-authn-authz/webhook/
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseGoDuration } from '../machinery/duration.ts';
import { messageOf } from '../machinery/errors.ts';
import { FlagError } from '../machinery/flags.ts';
import { isObject } from '../machinery/json.ts';
import { parseKubeconfig } from '../machinery/kubeconfig.ts';
import type { Schema } from '../machinery/schema.ts';
import { decodeAnswer, type WebhookClient, type WebhookClientConfig, WebhookError } from './webhook-client.ts';

const defaultTimeoutSeconds = 30;

export type ReviewVersion = 'v1' | 'v1beta1';

export interface Review {
  group: string;
  version: ReviewVersion;
  kind: string;
  spec: object;
}

/** The status of the answer. Rejects with WebhookError. */
export type AskReview<T> = (review: Review) => Promise<T>;

export function reviewWebhook<T>(
  client: WebhookClient,
  config: WebhookClientConfig,
  status: Schema<T>,
  timeoutSeconds = defaultTimeoutSeconds,
): AskReview<T> {
  return async ({ group, version, kind, spec }) => {
    const apiVersion = `${group}/${version}`;
    const answer = await client.postPatiently(config, timeoutSeconds, { apiVersion, kind, spec });
    if (!isObject(answer) || answer.apiVersion !== apiVersion || answer.kind !== kind) {
      throw new WebhookError(`webhook returned no ${apiVersion}, Kind=${kind}`);
    }
    return decodeAnswer(status, answer.status);
  };
}

export function readReviewVersion(flag: string, text: string): ReviewVersion {
  if (text !== 'v1' && text !== 'v1beta1')
    throw new FlagError(`--${flag}: unsupported version ${JSON.stringify(text)}`);
  return text;
}

/** Milliseconds of the value of a flag. */
export function readTtl(flag: string, text: string): number {
  try {
    return parseGoDuration(text);
  } catch (err) {
    throw new FlagError(`--${flag}: ${messageOf(err)}`, { cause: err });
  }
}

/** Who is asked, as a kubeconfig says it; `flag` names it. Throws FlagError for one that cannot be used. */
export function readReviewAccess(flag: string, file: string): WebhookClientConfig {
  try {
    const access = parseKubeconfig(readFileSync(file, 'utf8'), file, (name) =>
      readFileSync(resolve(dirname(file), name)),
    );
    const { server, ca, ...identity } = access;
    if (new URL(server).protocol !== 'https:') throw new Error(`${file}: ${server} is no https:// address`);
    return { url: server, ...(ca ? { caBundle: ca.toString('base64') } : {}), identity };
  } catch (err) {
    throw new FlagError(`--${flag}: ${messageOf(err)}`, { cause: err });
  }
}

// What a configuration of webhooks may say. Upstream: pkg/apis/admissionregistration/validation.
import { append, duplicate, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { validateInOne, validateLabelSelector, validateOptionalWord } from '../../meta/checks.ts';
import { validateClientConfig, validateReviewVersions } from '../../meta/webhook-client.ts';
import { failurePolicies, matchPolicies, validateMatchConditions, validateRule, webhookEnv } from '../match.ts';
import type { Webhook } from './schema.ts';

/** Every webhook of a configuration; `more` are the rules of its sort. */
export function validateWebhooks<W extends Webhook>(
  webhooks: readonly W[] | undefined,
  more: (webhook: W, path: string) => FieldError[] = () => [],
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, webhook] of (webhooks ?? []).entries()) {
    const path = `webhooks[${i}]`;
    append(errors, [...validateWebhook(webhook, path), ...more(webhook, path)]);
    const at = `${path}.admissionReviewVersions`;
    append(errors, validateReviewVersions(webhook.admissionReviewVersions, at, 'must specify one of v1, v1beta1'));
    if (webhook.name && seen.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name));
    seen.add(webhook.name);
  }
  return errors;
}

const noSideEffects = ['None', 'NoneOnDryRun'];

function validateWebhook(webhook: Webhook, path: string): FieldError[] {
  const errors = validateFullName(webhook.name, `${path}.name`);
  for (const [i, rule] of (webhook.rules ?? []).entries()) append(errors, validateRule(rule, `${path}.rules[${i}]`));
  append(errors, validateOptionalWord(webhook.failurePolicy, failurePolicies, `${path}.failurePolicy`));
  append(errors, validateOptionalWord(webhook.matchPolicy, matchPolicies, `${path}.matchPolicy`));
  const { sideEffects, timeoutSeconds, clientConfig } = webhook;
  if (sideEffects === undefined) {
    errors.push(required(`${path}.sideEffects`, `must specify one of ${noSideEffects.join(', ')}`));
  } else if (!noSideEffects.includes(sideEffects)) {
    errors.push(notSupported(`${path}.sideEffects`, sideEffects, noSideEffects));
  }
  if (timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)) {
    const why = 'the timeout value must be between 1 and 30 seconds';
    errors.push(invalid(`${path}.timeoutSeconds`, timeoutSeconds, why));
  }
  append(errors, validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`));
  append(errors, validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`));
  append(errors, validateClientConfig(clientConfig, `${path}.clientConfig`));
  append(errors, validateMatchConditions(webhook.matchConditions ?? [], webhookEnv, `${path}.matchConditions`));
  return errors;
}

function validateFullName(name: string, path: string): FieldError[] {
  if (!name) return [required(path)];
  const wrong = validateInOne(checkDNS1123Subdomain, name, path);
  if (wrong.length > 0) return wrong;
  if (name.split('.').length >= 3) return [];
  return [invalid(path, name, 'should be a domain with at least three segments separated by dots')];
}

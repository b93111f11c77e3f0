// ValidatingAdmissionWebhook: asks all webhooks at once whether the object may be as it is.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { askWebhook, questionFor } from './ask.ts';
import { configuredWebhooks } from './configurations.ts';
import { isExempt, versionsOfRequest } from './matching.ts';

async function validate(request: AdmissionRequest, deps: AdmissionDeps): Promise<void> {
  const webhooks = configuredWebhooks('ValidatingWebhookConfiguration', deps);
  if (webhooks.length === 0) return;
  const versions = versionsOfRequest(request, deps);
  const ask = async ({ webhook }: (typeof webhooks)[number]) => {
    const question = await questionFor(webhook, request, versions, deps);
    if (question) await askWebhook(webhook, request, question, { deps, mutating: false });
  };
  // All of them are heard before one of their refusals is told.
  const outcomes = await Promise.allSettled(webhooks.map(ask));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

export const validatingWebhooks: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  handles: (request) => !isExempt(request),
  validate,
};

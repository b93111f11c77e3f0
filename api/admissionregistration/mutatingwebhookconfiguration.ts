// MutatingWebhookConfiguration: servers that may change an object before it is stored.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { validateOptionalWord } from '../meta/checks.ts';
import type { ObjectOf } from '../meta/object.ts';
import { reinvocationPolicies } from './match.ts';
import { webhookConfiguration } from './webhook/configuration.ts';
import { webhookFields } from './webhook/schema.ts';
import { validateWebhooks } from './webhook/validation.ts';

const mutatingWebhook = s.api('admissionregistration.v1.MutatingWebhook', 'A webhook that may change the object.', {
  ...webhookFields,
  reinvocationPolicy: s.string('Never, or IfNeeded to be asked again when others changed the object after it.', {
    pointer: true,
    default: 'Never',
    enum: reinvocationPolicies,
  }),
});
export interface MutatingWebhook extends TypeOf<typeof mutatingWebhook> {}

const schema = s.api('admissionregistration.v1.MutatingWebhookConfiguration', 'Webhooks that may change an object.', {
  ...objectFields,
  webhooks: s.list(mutatingWebhook, 'The webhooks.', mergedBy('name')),
});
export interface MutatingWebhookConfiguration extends ObjectOf<typeof schema> {}

export const MutatingWebhookConfigurationKind = defineKind<MutatingWebhookConfiguration>({
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  ...webhookConfiguration,
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema }],
  validate: (configuration) =>
    validateWebhooks(configuration.webhooks, (webhook, path) =>
      validateOptionalWord(webhook.reinvocationPolicy, reinvocationPolicies, `${path}.reinvocationPolicy`),
    ),
});

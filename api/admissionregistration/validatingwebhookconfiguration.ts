// ValidatingWebhookConfiguration: servers that are asked whether an object may be as it is.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { webhookConfiguration } from './webhook/configuration.ts';
import { webhookFields } from './webhook/schema.ts';
import { validateWebhooks } from './webhook/validation.ts';

const webhook = s.api('admissionregistration.v1.ValidatingWebhook', 'A webhook that says yes or no.', webhookFields);
export interface ValidatingWebhook extends TypeOf<typeof webhook> {}

const schema = s.api('admissionregistration.v1.ValidatingWebhookConfiguration', 'Webhooks that say yes or no.', {
  ...objectFields,
  webhooks: s.list(webhook, 'The webhooks.', mergedBy('name')),
});
export interface ValidatingWebhookConfiguration extends ObjectOf<typeof schema> {}

export const ValidatingWebhookConfigurationKind = defineKind<ValidatingWebhookConfiguration>({
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  ...webhookConfiguration,
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema }],
  validate: (configuration) => validateWebhooks(configuration.webhooks),
});

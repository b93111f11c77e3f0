// ValidatingWebhookConfiguration: servers that are asked whether an object may be as it is.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
import { jsonEqual } from '../../machinery/json.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { webhookFields } from './webhook/schema.ts';
import { validateWebhooks } from './webhook/validation.ts';

const group = 'io.k8s.api.admissionregistration.v1';

export const validatingWebhook = s.object(
  `${group}.ValidatingWebhook`,
  'A webhook that says yes or no.',
  webhookFields,
);
export interface ValidatingWebhook extends TypeOf<typeof validatingWebhook> {}

export const validatingWebhookConfigurationSchema = s.object(
  `${group}.ValidatingWebhookConfiguration`,
  'Webhooks that are asked whether an object may be as it is.',
  {
    ...typeMeta,
    metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
    webhooks: s.list(validatingWebhook, 'The webhooks.', mergedBy('name')),
  },
);
export interface ValidatingWebhookConfiguration extends ObjectOf<typeof validatingWebhookConfigurationSchema> {}

export const ValidatingWebhookConfigurationKind = defineKind<ValidatingWebhookConfiguration>({
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  scope: 'Cluster',
  categories: ['api-extensions'],
  served: [{ group: 'admissionregistration.k8s.io', version: 'v1', schema: validatingWebhookConfigurationSchema }],
  hasGeneration: true,
  bumpsGeneration: (next, old) => !jsonEqual(next.webhooks, old.webhooks),
  columns: [
    {
      name: 'Webhooks',
      type: 'integer',
      doc: 'Number of webhooks.',
      cell: (configuration) => configuration.webhooks?.length ?? 0,
    },
    ageColumn,
  ],
  validate: (configuration) => validateWebhooks(configuration.webhooks),
});

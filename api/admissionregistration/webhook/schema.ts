// What validating and mutating webhooks have in common.
import { labelSelector } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { failurePolicies, matchConditionsField, matchPolicies, ruleWithOperations } from '../match.ts';

const serviceReference = s.api('admissionregistration.v1.ServiceReference', 'A service that answers calls.', {
  name: s.string('Name of the service.', mandatory),
  namespace: s.string('Namespace of the service.', mandatory),
  path: s.string('Path of the call.', { pointer: true }),
  port: s.int32('Port of the service.', { pointer: true, default: 443 }),
});

export const webhookClientConfig = s.api('admissionregistration.v1.WebhookClientConfig', 'How a webhook is reached.', {
  caBundle: s.bytes('PEM certificates that the server must be signed by.'),
  service: s.field(serviceReference, 'A service of this cluster.'),
  url: s.string('Address of a server.', { pointer: true }),
});
export interface WebhookClientConfig extends TypeOf<typeof webhookClientConfig> {}

const sideEffectClasses = ['None', 'NoneOnDryRun', 'Some', 'Unknown'] as const;

export const webhookFields = {
  admissionReviewVersions: s.list(s.string(''), 'Versions of AdmissionReview it understands, best first.', {
    ...mandatory,
    ...atomic,
  }),
  clientConfig: s.field(webhookClientConfig, 'How it is reached.', mandatory),
  failurePolicy: s.string('When it cannot be asked: Fail refuses the request, Ignore goes on.', {
    pointer: true,
    default: 'Fail',
    enum: failurePolicies,
  }),
  matchConditions: matchConditionsField,
  matchPolicy: s.string('Equivalent also matches other versions of a resource, Exact does not.', {
    pointer: true,
    default: 'Equivalent',
    enum: matchPolicies,
  }),
  name: s.string('Full name, as a domain of three parts.', mandatory),
  namespaceSelector: s.field(labelSelector, 'Labels of namespaces whose objects it is for.', { default: {} }),
  objectSelector: s.field(labelSelector, 'Labels of objects it is for.', { default: {} }),
  rules: s.list(ruleWithOperations, 'Requests it is for.', atomic),
  sideEffects: s.string('What else a call changes: None, or NoneOnDryRun.', {
    required: true,
    pointer: true,
    enum: sideEffectClasses,
  }),
  timeoutSeconds: s.int32('Seconds it has to answer.', { pointer: true, default: 10 }),
} as const;

const webhook = s.object('', 'A webhook of either sort.', webhookFields);
export interface Webhook extends TypeOf<typeof webhook> {}

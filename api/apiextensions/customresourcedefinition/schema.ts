// The types of a CustomResourceDefinition.

import { objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { jsonSchemaProps } from './json-schema.ts';

const group = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

export const serviceReference = s.object(`${group}.ServiceReference`, 'A service that answers calls.', {
  name: s.string('Name of the service.', mandatory),
  namespace: s.string('Namespace of the service.', mandatory),
  path: s.string('Path of the call.', { pointer: true }),
  port: s.int32('Port of the service.', { pointer: true, default: 443 }),
});

export const webhookClientConfig = s.object(`${group}.WebhookClientConfig`, 'How a webhook is reached.', {
  caBundle: s.bytes('PEM certificates that the server must be signed by.'),
  service: s.field(serviceReference, 'A service of this cluster.'),
  url: s.string('Address of a server.', { pointer: true }),
});
export interface WebhookClientConfig extends TypeOf<typeof webhookClientConfig> {}

const webhookConversion = s.object(`${group}.WebhookConversion`, 'Conversion by a webhook.', {
  clientConfig: s.field(webhookClientConfig, 'How it is reached.'),
  conversionReviewVersions: s.list(s.string(''), 'Versions of ConversionReview it understands, best first.', {
    ...mandatory,
    ...atomic,
  }),
});

const customResourceConversion = s.object(`${group}.CustomResourceConversion`, 'How versions are converted.', {
  strategy: s.string('None changes the apiVersion only; Webhook asks a server.', mandatory),
  webhook: s.field(webhookConversion, 'For Webhook.'),
});
export interface CustomResourceConversion extends TypeOf<typeof customResourceConversion> {}

const definitionNames = s.object(`${group}.CustomResourceDefinitionNames`, 'What a custom resource is called.', {
  categories: s.list(s.string(''), 'Groups of resources it belongs to, such as all.', atomic),
  kind: s.string('Kind of the objects, in CamelCase.', mandatory),
  listKind: s.string('Kind of lists of them.'),
  plural: s.string('Name in paths.', mandatory),
  shortNames: s.list(s.string(''), 'Abbreviations for the command line.', atomic),
  singular: s.string('Name of one of them on the command line.'),
});
export interface CustomResourceDefinitionNames extends TypeOf<typeof definitionNames> {}

const customResourceColumn = s.object(`${group}.CustomResourceColumnDefinition`, 'A column of kubectl get.', {
  description: s.string('What it shows.'),
  format: s.string('Form of the value; name marks the first column.'),
  jsonPath: s.string('Path of the value in an object.', mandatory),
  name: s.string('Head of the column.', mandatory),
  priority: s.int32('Zero shows always, others with -o wide.'),
  type: s.string('integer, number, string, boolean or date.', mandatory),
});
export interface CustomResourceColumn extends TypeOf<typeof customResourceColumn> {}

const customResourceScale = s.object(`${group}.CustomResourceSubresourceScale`, 'Where the scale stands.', {
  labelSelectorPath: s.string('Path of the selector as mandatory, below status or spec.', { pointer: true }),
  specReplicasPath: s.string('Path of the wished number, below spec.', mandatory),
  statusReplicasPath: s.string('Path of the present number, below status.', mandatory),
});

const subresource = s.object(
  `${group}.CustomResourceSubresourceStatus`,
  'The status, written apart from the rest.',
  {},
);

const subresources = s.object(`${group}.CustomResourceSubresources`, 'Subresources of a custom resource.', {
  scale: s.field(customResourceScale, 'The scale subresource.'),
  status: s.field(subresource, 'The status subresource.'),
});
export interface CustomResourceSubresources extends TypeOf<typeof subresources> {}

const customResourceValidation = s.object(`${group}.CustomResourceValidation`, 'Schema of a custom resource.', {
  openAPIV3Schema: s.field(jsonSchemaProps, 'The schema.'),
});

const selectableField = s.object(`${group}.SelectableField`, 'A field that field selectors may ask for.', {
  jsonPath: s.string('Path of the field.', mandatory),
});

const definitionVersion = s.object(`${group}.CustomResourceDefinitionVersion`, 'A version of a custom resource.', {
  additionalPrinterColumns: s.list(customResourceColumn, 'Columns of kubectl get.', atomic),
  deprecated: s.boolean('Who uses it is warned.'),
  deprecationWarning: s.string('The warning, where the usual one will not do.', { pointer: true }),
  name: s.string('Name of the version: v1, v1beta1.', mandatory),
  schema: s.field(customResourceValidation, 'Its schema.'),
  selectableFields: s.list(selectableField, 'What field selectors may ask for.', atomic),
  served: s.boolean('Whether it is served.', mandatory),
  storage: s.boolean('Whether objects are kept in it; exactly one is.', mandatory),
  subresources: s.field(subresources, 'Its subresources.'),
});
export interface CustomResourceDefinitionVersion extends TypeOf<typeof definitionVersion> {}

const customResourceDefinitionSpec = s.object(`${group}.CustomResourceDefinitionSpec`, 'How a custom resource looks.', {
  conversion: s.field(customResourceConversion, 'How versions are converted.'),
  group: s.string('API group of the resource.', mandatory),
  names: s.field(definitionNames, 'What it is called.', mandatory),
  preserveUnknownFields: s.boolean('Obsolete; may not be true.'),
  scope: s.string('Cluster or Namespaced.', mandatory),
  versions: s.list(definitionVersion, 'Its versions.', { ...mandatory, ...atomic }),
});
export interface CustomResourceDefinitionSpec extends TypeOf<typeof customResourceDefinitionSpec> {}

const condition = s.object(`${group}.CustomResourceDefinitionCondition`, 'One aspect of the state of a definition.', {
  lastTransitionTime: s.time('When the status last changed.'),
  message: s.string('Explanation for people.'),
  observedGeneration: s.int64('The generation the condition was computed from.'),
  reason: s.string('One word for programs.'),
  status: s.string('True, False or Unknown.', mandatory),
  type: s.string('Name of the condition.', mandatory),
});
export interface CustomResourceDefinitionCondition extends TypeOf<typeof condition> {}

const status = s.object(`${group}.CustomResourceDefinitionStatus`, 'Observed state of a definition.', {
  acceptedNames: s.field(definitionNames, 'The names it is served under.', { always: true }),
  conditions: s.list(condition, 'Established, NamesAccepted, Terminating and others.', {
    always: true,
    listType: 'map',
    listMapKeys: ['type'],
  }),
  observedGeneration: s.int64('The generation this status was computed from.'),
  storedVersions: s.list(s.string(''), 'Versions that objects have ever been kept in.', {
    always: true,
    listType: 'atomic',
  }),
});
export interface CustomResourceDefinitionStatus extends TypeOf<typeof status> {}

export const customResourceDefinitionSchema = s.object(
  `${group}.CustomResourceDefinition`,
  'Adds a resource to the API.',
  {
    ...objectFields,
    spec: s.field(customResourceDefinitionSpec, 'How the resource looks.', mandatory),
    status: s.field(status, 'Whether it is served.', { always: true }),
  },
);
export interface CustomResourceDefinition extends ObjectOf<typeof customResourceDefinitionSchema> {}

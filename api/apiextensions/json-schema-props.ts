// JSONSchemaProps: the OpenAPI schema in a CustomResourceDefinition. It contains itself, also in unions that JSON
// tells apart by their shape: a schema or a list, a boolean or a list of names.
// https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/#JSONSchemaProps
import { mergedBy, type ObjectSchema, s } from '../../machinery/schema.ts';

const prefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

export const schemaOrList = `${prefix}.JSONSchemaPropsOrArray`;
export const schemaOrBoolean = `${prefix}.JSONSchemaPropsOrBool`;
export const schemaOrNames = `${prefix}.JSONSchemaPropsOrStringArray`;

const json = (doc: string) => s.any(`${prefix}.JSON`, doc);
const flag = (doc: string, options = {}) => s.boolean(doc, options);
const text = (doc: string, options = {}) => s.string(doc, options);
const count = (doc: string) => s.int64(doc, { pointer: true });
const bound = (doc: string) => s.number(doc, { pointer: true });
const names = (doc: string) => s.list(s.string(''), doc, { listType: 'atomic' });

const externalDocumentation = s.object(`${prefix}.ExternalDocumentation`, 'Where more can be read.', {
  description: text('What can be read there.'),
  url: text('Where it is.'),
});

const validationRule = s.object(`${prefix}.ValidationRule`, 'A rule in CEL.', {
  fieldPath: text('The field that a violation is reported at.'),
  message: text('What a violation is told by.'),
  messageExpression: text('An expression that gives the message.'),
  optionalOldSelf: flag('The rule also runs where there is no old value.', { pointer: true }),
  reason: text('The reason of a violation.', { pointer: true }),
  rule: text('The expression.', { required: true, always: true }),
});

const plainFields = {
  $ref: text('Reference; not allowed in structural schemas.', { pointer: true }),
  $schema: text('Dialect of the schema.'),
  additionalItems: s.any(schemaOrBoolean, 'Items beyond the listed ones.'),
  additionalProperties: s.any(schemaOrBoolean, 'Fields beyond the named ones.'),
  default: json('Filled in where the field is absent.'),
  dependencies: s.map(s.any(schemaOrNames, ''), 'What the presence of a field asks for.'),
  description: text('What the value is for.'),
  enum: s.list(json(''), 'The allowed values.', { listType: 'atomic' }),
  example: json('An example.'),
  exclusiveMaximum: flag('The maximum itself is not allowed.'),
  exclusiveMinimum: flag('The minimum itself is not allowed.'),
  externalDocs: s.field(externalDocumentation, 'Where more can be read.'),
  format: text('Format of a string or number.'),
  id: text('Name of the schema.'),
  items: s.any(schemaOrList, 'Schema of the items of a list.'),
  maxItems: count('Most items.'),
  maxLength: count('Most characters.'),
  maxProperties: count('Most fields.'),
  maximum: bound('Largest number.'),
  minItems: count('Fewest items.'),
  minLength: count('Fewest characters.'),
  minProperties: count('Fewest fields.'),
  minimum: bound('Smallest number.'),
  multipleOf: bound('What a number must be divisible by.'),
  nullable: flag('Null is allowed.'),
  pattern: text('Regular expression that a string must match.'),
  required: names('Fields that must be there.'),
  title: text('Short name of the schema.'),
  type: text('object, array, string, integer, number or boolean.'),
  uniqueItems: flag('No item may come twice.'),
  'x-kubernetes-embedded-resource': flag('The value is an object with kind and metadata.'),
  'x-kubernetes-int-or-string': flag('The value is an integer or a string.'),
  'x-kubernetes-list-map-keys': names('Fields that tell the items of a list apart.'),
  'x-kubernetes-list-type': text('atomic, set or map.', { pointer: true }),
  'x-kubernetes-map-type': text('granular or atomic.', { pointer: true }),
  'x-kubernetes-preserve-unknown-fields': flag('Fields that are not named are kept.', { pointer: true }),
  'x-kubernetes-validations': s.list(validationRule, 'Rules in CEL.', mergedBy('rule')),
};

export const jsonSchemaProps = s.object(`${prefix}.JSONSchemaProps`, 'A JSON schema.', plainFields) as ObjectSchema;

const schemas = (doc: string) => s.list(jsonSchemaProps as never, doc, { listType: 'atomic' });
const schemasByName = (doc: string) => s.map(jsonSchemaProps as never, doc);

// It is complete when it contains itself.
Object.assign(jsonSchemaProps.fields, {
  allOf: schemas('All of these hold.'),
  anyOf: schemas('At least one of these holds.'),
  definitions: schemasByName('Schemas for references.'),
  not: s.field(jsonSchemaProps as never, 'This does not hold.'),
  oneOf: schemas('Exactly one of these holds.'),
  patternProperties: schemasByName('Fields by a pattern of their name.'),
  properties: schemasByName('Fields by name.'),
});

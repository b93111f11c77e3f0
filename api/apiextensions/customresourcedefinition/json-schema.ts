// JSONSchemaProps: the schema of a custom resource as its definition writes it down. It holds
// schemas of its own kind at many places, so its table of fields is filled after it was made.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
import {
  atomic,
  mandatory,
  mergedBy,
  type ObjectSchema,
  type Schema,
  s,
  type TypeOf,
} from '../../../machinery/schema.ts';

const group = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

const ruleReasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'] as const;

const validationRule = s.object(`${group}.ValidationRule`, 'A rule in CEL that a value must fulfil.', {
  fieldPath: s.string('Path below this place that a failure is reported for.'),
  message: s.string('What a failure says.'),
  messageExpression: s.string('CEL expression that gives the text of a failure.'),
  optionalOldSelf: s.boolean('The rule also runs where there is no old value; oldSelf is an optional then.', {
    pointer: true,
  }),
  reason: s.string('Machine-readable reason of a failure.', { pointer: true, enum: ruleReasons }),
  rule: s.string('CEL expression that must be true; `self` is the value.', mandatory),
});
export interface ValidationRule extends TypeOf<typeof validationRule> {}

const externalDocumentation = s.object(`${group}.ExternalDocumentation`, 'Where more is to be read.', {
  description: s.string('What is found there.'),
  url: s.string('Address of the document.'),
});

type SchemaMap = Record<string, JSONSchemaProps>;

export interface JSONSchemaProps {
  $ref?: string;
  $schema?: string;
  additionalItems?: JSONSchemaProps | boolean;
  additionalProperties?: JSONSchemaProps | boolean;
  allOf?: JSONSchemaProps[];
  anyOf?: JSONSchemaProps[];
  default?: unknown;
  definitions?: SchemaMap;
  dependencies?: Record<string, JSONSchemaProps | string[]>;
  description?: string;
  enum?: unknown[];
  example?: unknown;
  exclusiveMaximum?: boolean;
  exclusiveMinimum?: boolean;
  externalDocs?: TypeOf<typeof externalDocumentation>;
  format?: string;
  id?: string;
  items?: JSONSchemaProps | JSONSchemaProps[];
  maxItems?: number;
  maxLength?: number;
  maxProperties?: number;
  maximum?: number;
  minItems?: number;
  minLength?: number;
  minProperties?: number;
  minimum?: number;
  multipleOf?: number;
  not?: JSONSchemaProps;
  nullable?: boolean;
  oneOf?: JSONSchemaProps[];
  pattern?: string;
  patternProperties?: SchemaMap;
  properties?: SchemaMap;
  required?: string[];
  title?: string;
  type?: string;
  uniqueItems?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-validations'?: ValidationRule[];
}

const fields: Record<string, Schema<any, any>> = {};

export const jsonSchemaProps = s.object(
  `${group}.JSONSchemaProps`,
  'A JSON schema with the extensions of Kubernetes.',
  fields,
) as unknown as Schema<JSONSchemaProps, false> & ObjectSchema;

const nested = (doc: string) => s.field(jsonSchemaProps, doc);
const nestedList = (doc: string) => s.list(jsonSchemaProps, doc, atomic);
const nestedMap = (doc: string) => s.map(jsonSchemaProps, doc);
const json = (doc: string) => s.any(`${group}.JSON`, doc, { alternatives: [] });
const count = (doc: string) => s.int64(doc, { pointer: true });
const bound = (doc: string) => s.number(doc, { pointer: true });
const word = (doc: string) => s.string(doc, { pointer: true });
const flag = s.boolean('');
const words = s.list(s.string(''), '', atomic);
/** Values of several shapes, by their published names. */
export const schemaOrBoolean = `${group}.JSONSchemaPropsOrBool`;
export const schemaOrList = `${group}.JSONSchemaPropsOrArray`;
export const schemaOrNames = `${group}.JSONSchemaPropsOrStringArray`;

const orBool = (doc: string) => s.any(schemaOrBoolean, doc, { alternatives: [jsonSchemaProps, flag] });
const orArray = (doc: string) => s.any(schemaOrList, doc, { alternatives: [jsonSchemaProps, nestedList('')] });
const orStringArray = s.any(schemaOrNames, '', { alternatives: [jsonSchemaProps, words] });

Object.assign(fields, {
  $ref: word('Not supported.'),
  $schema: s.string('Dialect of the schema.'),
  additionalItems: orBool('Not supported.'),
  additionalProperties: orBool('Schema of the values of a map, or whether there may be any.'),
  allOf: nestedList('The value must fulfil all of these.'),
  anyOf: nestedList('The value must fulfil at least one of these.'),
  default: json('Filled in where the field is absent.'),
  definitions: nestedMap('Not supported.'),
  dependencies: s.map(orStringArray, 'Not supported.'),
  description: s.string('What the value is for.'),
  enum: s.list(json(''), 'The values it may have.', atomic),
  example: json('An example.'),
  exclusiveMaximum: s.boolean('The maximum itself is too large.'),
  exclusiveMinimum: s.boolean('The minimum itself is too small.'),
  externalDocs: s.field(externalDocumentation, 'Where more is to be read.'),
  format: s.string('Form of a text or number; unknown ones are ignored.'),
  id: s.string('Not supported.'),
  items: orArray('Schema of the items of a list.'),
  maxItems: count('Most items of a list.'),
  maxLength: count('Most characters of a text.'),
  maxProperties: count('Most fields of an object.'),
  maximum: bound('Largest number.'),
  minItems: count('Fewest items of a list.'),
  minLength: count('Fewest characters of a text.'),
  minProperties: count('Fewest fields of an object.'),
  minimum: bound('Smallest number.'),
  multipleOf: bound('The number is a multiple of this.'),
  not: nested('The value must not fulfil this.'),
  nullable: s.boolean('Null is a value.'),
  oneOf: nestedList('The value must fulfil exactly one of these.'),
  pattern: s.string('Regular expression that a text matches.'),
  patternProperties: nestedMap('Not supported.'),
  properties: nestedMap('Schemas of the fields of an object.'),
  required: s.list(s.string(''), 'Fields that must be there.', atomic),
  title: s.string('Short name.'),
  type: s.string('object, array, string, integer, number or boolean.'),
  uniqueItems: s.boolean('May not be true.'),
  'x-kubernetes-embedded-resource': s.boolean('The value is an object with apiVersion, kind and metadata.'),
  'x-kubernetes-int-or-string': s.boolean('The value is a number or a text.'),
  'x-kubernetes-list-map-keys': s.list(s.string(''), 'Fields that tell the items of a map list apart.', atomic),
  'x-kubernetes-list-type': word('How appliers share a list: atomic, set or map.'),
  'x-kubernetes-map-type': word('How appliers share an object: granular or atomic.'),
  'x-kubernetes-preserve-unknown-fields': s.boolean('Fields without a schema are kept.', { pointer: true }),
  'x-kubernetes-validations': s.list(validationRule, 'Rules in CEL.', mergedBy('rule')),
});

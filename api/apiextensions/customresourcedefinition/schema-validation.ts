// What a schema of custom resources may say. Upstream: ValidateCustomResourceDefinitionOpenAPISchema
// in apiextensions-apiserver's apis/apiextensions/validation.
import { append, type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import { validateOptionalWord } from '../../meta/checks.ts';
import { checkRules } from './compiled-rules.ts';
import { validateDefaults } from './default-validation.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { validateListType, validateMapType } from './list-type-validation.ts';
import { validateRules } from './rule-validation.ts';
import { allSchemas, itemsOf, valuesOf } from './schema-walk.ts';
import { validateStructural } from './structural.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const metaFields = new Set(['metadata', 'kind', 'apiVersion']);

// Upstream names the fields as its own code does.
const allowedAtRoot = `[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]`;
const rootFields = new Set(
  allowedAtRoot
    .slice(1, -1)
    .split(' ')
    .map((name) => (name.startsWith('X') ? '' : name[0]!.toLowerCase() + name.slice(1))),
)
  .add('x-kubernetes-preserve-unknown-fields')
  .add('x-kubernetes-validations');

/** `path` is that of `openAPIV3Schema`. */
export function validateSchema(schema: JSONSchemaProps, hasStatus: boolean, path: string): FieldError[] {
  const errors = hasStatus ? validateRoot(schema, path) : [];
  if (schema.nullable) errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  const isReadable = ![...allSchemas(schema)].some(hasForeignKeyword);
  const unstructured = isReadable ? validateStructural(schema, path) : [];
  const wrongDefaults = isReadable && unstructured.length === 0 ? validateDefaults(schema, path) : [];
  const ofLevels = validateLevel(schema, path, { isRoot: true });
  append(errors, [...unstructured, ...wrongDefaults, ...ofLevels]);
  if (!isReadable || unstructured.length + wrongDefaults.length > 0) return errors;
  return [...errors, ...checkRules(schema, path, ofLevels)];
}

/** With one of these there is no telling what a schema means. */
const hasForeignKeyword = (schema: JSONSchemaProps): boolean =>
  Array.isArray(schema.items) ||
  schema['x-kubernetes-preserve-unknown-fields'] === false ||
  unsupported.some((key) => schema[key] !== undefined);

function validateRoot(schema: JSONSchemaProps, path: string): FieldError[] {
  if (schema.type && schema.type !== 'object') {
    const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    return [invalid(`${path}.type`, schema.type, why)];
  }
  if (Object.keys(schema).every((key) => rootFields.has(key))) return [];
  const why = `only ${allowedAtRoot} fields are allowed at the root of the schema if the status subresource is enabled`;
  return [invalid(path, schema, why)];
}

interface Place {
  isRoot?: boolean;
  /** Inside kind, apiVersion or metadata of an object. */
  inMeta?: boolean;
  /** Why there may be no default here. */
  noDefault?: string;
}

function validateLevel(schema: JSONSchemaProps, path: string, place: Place): FieldError[] {
  const errors = validateKeywords(schema, path, place);
  if (schema.uniqueItems) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(`${path}.uniqueItems`, why));
  }
  append(errors, validateFields(schema, path, place));
  const below = { ...place, isRoot: false };
  const nested: [JSONSchemaProps | undefined, string][] = [[schema.not, 'not']];
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) {
    append(
      nested,
      (schema[key] ?? []).map((s, i): [JSONSchemaProps, string] => [s, `${key}[${i}]`]),
    );
  }
  append(
    nested,
    Object.entries(schema.definitions ?? {}).map(([k, s]): [typeof s, string] => [s, `definitions[${k}]`]),
  );
  nested.push([itemsOf(schema), 'items']);
  if (Array.isArray(schema.items)) {
    append(
      nested,
      schema.items.map((s, i): [JSONSchemaProps, string] => [s, `items[${i}]`]),
    );
  }
  for (const [name, one] of Object.entries(schema.dependencies ?? {})) {
    if (!Array.isArray(one)) nested.push([one, `dependencies[${name}]`]);
  }
  for (const [one, at] of nested) if (one) append(errors, validateLevel(one, `${path}.${at}`, below));
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  }
  append(errors, [...validateMapType(schema, path), ...validateListType(schema, path), ...validateRules(schema, path)]);
  return errors;
}

/** Named fields and the values of maps. */
function validateFields(schema: JSONSchemaProps, path: string, place: Place): FieldError[] {
  const errors: FieldError[] = [];
  const fields = Object.entries(schema.properties ?? {});
  if (schema.additionalProperties !== undefined) {
    if (fields.length > 0 && schema.additionalProperties !== true) {
      const why = 'additionalProperties and properties are mutual exclusive';
      errors.push(forbidden(`${path}.additionalProperties`, why));
    }
    const values = valuesOf(schema);
    const noDefault = place.inMeta ? 'inside additionalProperties applying to object metadata' : place.noDefault;
    const below = { ...place, isRoot: false, ...(noDefault !== undefined && { noDefault }) };
    if (values) append(errors, validateLevel(values, `${path}.additionalProperties`, below));
  }
  for (const [name, field] of fields) {
    const isMeta = (place.isRoot || schema['x-kubernetes-embedded-resource']) && metaFields.has(name);
    const below: Place = { ...place, isRoot: false };
    if (isMeta) below.inMeta = true;
    if (isMeta && place.isRoot) below.noDefault = `in top-level ${name}`;
    append(errors, validateLevel(field, `${path}.properties[${name}]`, below));
  }
  return errors;
}

const unsupported = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const;

function validateKeywords(schema: JSONSchemaProps, path: string, place: Place): FieldError[] {
  const errors = validateOptionalWord(schema.type || undefined, types, `${path}.type`);
  if (schema.default !== undefined && place.noDefault !== undefined) {
    errors.push(forbidden(`${path}.default`, `must not be set ${place.noDefault}`));
  }
  for (const key of unsupported) {
    if (schema[key] !== undefined) errors.push(forbidden(`${path}.${key}`, `${key} is not supported`));
  }
  if (schema.type === 'null') {
    errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  }
  if (Array.isArray(schema.items) && schema.items.length > 0) {
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  }
  if (place.inMeta && schema['x-kubernetes-embedded-resource']) {
    const why = 'must not be used inside of resource meta';
    errors.push(forbidden(`${path}.x-kubernetes-embedded-resource`, why));
  }
  return errors;
}

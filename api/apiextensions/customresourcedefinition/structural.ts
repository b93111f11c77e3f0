// The rules of a structural schema: every value has a type, told outside of allOf, anyOf, oneOf and
// not, which only narrow it. Upstream: apiextensions-apiserver's schema/validation.go and complete.go.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import { messageOf } from '../../../machinery/errors.ts';
import { append, type FieldError, forbidden, invalid, required, showError } from '../../../machinery/field-error.ts';
import { userRegExp } from '../../../machinery/regexp.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { itemsOf, partsOf } from './schema-walk.ts';

type Level = 'root' | 'item' | 'field';

/** Errors in the order of their texts. */
export function validateStructural(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors = [...validateInvariants(schema, 'root', path), ...validateCompleteness(schema, path)];
  return errors.sort((a, b) => (showError(a) < showError(b) ? -1 : showError(a) > showError(b) ? 1 : 0));
}

const untyped: Record<Level, string> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function validateInvariants(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type === 'array' && !itemsOf(schema)) errors.push(required(`${path}.items`, 'must be specified'));
  for (const [part, at] of partsOf(schema)) {
    append(errors, validateInvariants(part, at === '.items' ? 'item' : 'field', `${path}${at}`));
  }
  if (schema.additionalProperties !== undefined && level === 'root') {
    errors.push(forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
  }
  append(errors, validateIntOrString(schema, path));
  append(errors, validateValueRules(schema, intOrStringPattern(schema), path));
  append(errors, validateType(schema, level, path));
  append(errors, validateResource(schema, level, path));
  return errors;
}

function validateIntOrString(schema: JSONSchemaProps, path: string): FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return [];
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((key) => schema[key])
    .map((key) => invalid(`${path}.${key}`, true, 'must be false if x-kubernetes-int-or-string is true'));
}

function validateType(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { type } = schema;
  const errors: FieldError[] = [];
  const embedded = schema['x-kubernetes-embedded-resource'];
  if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type ? invalid(`${path}.type`, type, why) : required(`${path}.type`, why));
  } else if (!type && !schema['x-kubernetes-int-or-string'] && !schema['x-kubernetes-preserve-unknown-fields']) {
    errors.push(required(`${path}.type`, untyped[level]));
  }
  if (embedded && schema.additionalProperties !== undefined) {
    const why = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(forbidden(`${path}.additionalProperties`, why));
  }
  if (level === 'root' && type && type !== 'object') {
    errors.push(invalid(`${path}.type`, type, 'must be object at the root'));
  }
  return errors;
}

/** kind, apiVersion and metadata of an object, whole or embedded. */
function validateResource(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { properties = {} } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const isResource = level === 'root' || embedded;
  for (const key of ['kind', 'apiVersion'] as const) {
    const type = Object.hasOwn(properties, key) ? (properties[key]!.type ?? '') : undefined;
    if (isResource && type !== undefined && type !== 'string') {
      errors.push(invalid(`${path}.properties[${key}].type`, type, 'must be string'));
    }
  }
  const metadata = Object.hasOwn(properties, 'metadata') ? properties.metadata : undefined;
  const metadataPath = `${path}.properties[metadata]`;
  if (metadata && isResource && metadata.type !== 'object') {
    errors.push(invalid(`${metadataPath}.type`, metadata.type ?? '', 'must be object'));
  }
  if (metadata && level === 'root' && !restrictsNamesOnly(metadata)) {
    const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbidden(metadataPath, why));
  }
  if (embedded && !schema['x-kubernetes-preserve-unknown-fields'] && Object.keys(properties).length === 0) {
    const why =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(`${path}.properties`, why));
  }
  return errors;
}

function restrictsNamesOnly(metadata: JSONSchemaProps): boolean {
  const { type: _type, default: _default, properties = {}, ...others } = metadata;
  const names = Object.keys(properties);
  return Object.keys(others).length === 0 && names.every((name) => name === 'name' || name === 'generateName');
}

type Skip = 'anyOf' | 'firstAllOf' | undefined;

const isTypeOnly = (schema: JSONSchemaProps | undefined, type: string) =>
  schema?.type === type && Object.keys(schema).length === 1;
const isIntOrStringAnyOf = (anyOf: JSONSchemaProps[] | undefined) =>
  anyOf?.length === 2 && isTypeOnly(anyOf[0], 'integer') && isTypeOnly(anyOf[1], 'string');

/** The two places where an int-or-string may say its two types. */
function intOrStringPattern(schema: JSONSchemaProps): Skip {
  if (isIntOrStringAnyOf(schema.anyOf)) return 'anyOf';
  return isIntOrStringAnyOf(schema.allOf?.[0]?.anyOf) ? 'firstAllOf' : undefined;
}

/** allOf, anyOf, oneOf and not of a schema. */
function validateValueRules(schema: JSONSchemaProps, skip: Skip, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['anyOf', 'allOf', 'oneOf'] as const) {
    if (key === skip) continue;
    for (const [i, nested] of (schema[key] ?? []).entries()) {
      const skipBelow = key === 'allOf' && i === 0 && skip === 'firstAllOf' ? 'anyOf' : undefined;
      append(errors, validateNested(nested, skipBelow, `${path}.${key}[${i}]`));
    }
  }
  if (schema.not) append(errors, validateNested(schema.not, undefined, `${path}.not`));
  const problem = schema.pattern ? findPatternProblem(schema.pattern) : undefined;
  if (problem) {
    const why = `must be a valid regular expression, but isn't: ${problem}`;
    errors.push(invalid(`${path}.pattern`, schema.pattern, why));
  }
  return errors;
}

function findPatternProblem(pattern: string): string | undefined {
  try {
    userRegExp(pattern);
    return undefined;
  } catch (err) {
    return messageOf(err);
  }
}

const forbiddenInside: readonly [keyof JSONSchemaProps, string][] = [
  ['type', 'empty'],
  ['additionalProperties', 'undefined'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  ['x-kubernetes-preserve-unknown-fields', 'false'],
  ['x-kubernetes-embedded-resource', 'false'],
  ['x-kubernetes-int-or-string', 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
  ['x-kubernetes-validations', 'empty'],
];

function validateNested(schema: JSONSchemaProps, skip: Skip, path: string): FieldError[] {
  const errors = validateValueRules(schema, skip, path);
  const items = itemsOf(schema);
  if (items) append(errors, validateNested(items, undefined, `${path}.items`));
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    append(errors, validateNested(field, undefined, `${path}.properties[${name}]`));
  }
  for (const [key, must] of forbiddenInside) {
    if (schema[key]) errors.push(forbidden(`${path}.${key}`, `must be ${must} to be structural`));
  }
  if (Object.hasOwn(schema.properties ?? {}, 'metadata')) {
    errors.push(forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  }
  return errors;
}

/** What allOf and its like say of a value must be said of a value that the schema itself has. */
function validateCompleteness(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors = completeRules(schema, schema, path, path);
  for (const [part, at] of partsOf(schema)) append(errors, validateCompleteness(part, `${path}${at}`));
  return errors;
}

function completeRules(rules: JSONSchemaProps, schema: JSONSchemaProps, path: string, rulesPath: string): FieldError[] {
  const nested = (['allOf', 'anyOf', 'oneOf'] as const).flatMap((key) =>
    (rules[key] ?? []).map((rule, i): [JSONSchemaProps, string] => [rule, `${rulesPath}.${key}[${i}]`]),
  );
  if (rules.not) nested.unshift([rules.not, `${rulesPath}.not`]);
  return nested.flatMap(([rule, at]) => completeNested(rule, schema, path, at));
}

function completeNested(
  rule: JSONSchemaProps,
  schema: JSONSchemaProps | undefined,
  path: string,
  rulePath: string,
): FieldError[] {
  if (!schema) return [required(path, `because it is defined in ${rulePath}`)];
  const errors = completeRules(rule, schema, path, rulePath);
  const items = itemsOf(rule);
  if (items) append(errors, completeNested(items, itemsOf(schema), `${path}.items`, `${rulePath}.items`));
  const { properties = {} } = schema;
  for (const [name, field] of Object.entries(rule.properties ?? {})) {
    const at = `.properties[${name}]`;
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    append(errors, completeNested(field, own, `${path}${at}`, `${rulePath}${at}`));
  }
  return errors;
}

// Objects in a custom resource (x-kubernetes-embedded-resource) say what they are, and have metadata that is valid.
// Upstream: apiextensions-apiserver's schema/objectmeta/validation.go.

import { decodeValue } from '../../../machinery/decode.ts';
import { messageOf } from '../../../machinery/errors.ts';
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { isObject } from '../../../machinery/json.ts';
import { type ObjectMeta, objectMeta } from '../../../machinery/metadata.ts';
import { checkDNS1035Label } from '../../../machinery/name-rules.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { itemsOf, valuesOf } from './schema-walk.ts';
import { childPath } from './value-validation.ts';

export function validateEmbeddedResources(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, path, errors);
  return errors;
}

function check(schema: JSONSchemaProps, value: unknown, path: string, errors: FieldError[]): void {
  const items = itemsOf(schema);
  if (Array.isArray(value)) {
    if (items) for (const [i, item] of value.entries()) check(items, item, `${path}[${i}]`, errors);
    return;
  }
  if (!isObject(value)) return;
  if (schema['x-kubernetes-embedded-resource']) {
    const malformed = malformedParts(value, path);
    append(errors, malformed.length > 0 ? malformed : validateEmbedded(value, path));
  }
  const { properties = {} } = schema;
  const values = valuesOf(schema);
  for (const [key, below] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) check(properties[key]!, below, childPath(path, key), errors);
    else if (values) check(values, below, `${path}[${key}]`, errors);
  }
}

/** What cannot be read as an object: nothing else is said of it then. */
function malformedParts({ apiVersion, kind, metadata }: Record<string, unknown>, path: string): FieldError[] {
  const errors = Object.entries({ apiVersion, kind }).flatMap(([key, value]) =>
    value === undefined || typeof value === 'string' ? [] : [invalid(childPath(path, key), value, 'must be a string')],
  );
  try {
    if (metadata !== undefined) decodeValue(objectMeta, metadata);
  } catch (err) {
    errors.push(invalid(childPath(path, 'metadata'), metadata, messageOf(err)));
  }
  return errors;
}

function validateEmbedded({ apiVersion, kind, metadata }: Record<string, unknown>, path: string): FieldError[] {
  return [
    ...validateWord(apiVersion, childPath(path, 'apiVersion'), (text) =>
      text.split('/').length > 2 ? [`unexpected GroupVersion string: ${text}`] : [],
    ),
    ...validateWord(kind, childPath(path, 'kind'), (text) => {
      const complaints = checkDNS1035Label(text.toLowerCase());
      return complaints.length === 0
        ? []
        : [`may have mixed case, but should otherwise match: ${complaints.join(',')}`];
    }),
    ...(isObject(metadata) ? validateMetadata(metadata, childPath(path, 'metadata')) : []),
  ];
}

function validateWord(text: unknown, path: string, complaintsOf: (text: string) => string[]): FieldError[] {
  if (typeof text !== 'string') return [required(path, '')];
  if (text === '') return [invalid(path, text, 'must not be empty')];
  return complaintsOf(text).map((complaint) => invalid(path, text, complaint));
}

/** It need not have a name, and may be in a namespace or not. */
function validateMetadata(metadata: ObjectMeta, path: string): FieldError[] {
  const rules = { namespaced: Boolean(metadata.namespace), nameRule: 'path' as const };
  return validateObjectMeta({ ...metadata, name: metadata.name || 'unnamed' }, rules, path);
}

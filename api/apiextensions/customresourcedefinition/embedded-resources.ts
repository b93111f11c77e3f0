// Objects in a custom resource (x-kubernetes-embedded-resource) say what they are, and have metadata that is valid.
// Upstream: apiextensions-apiserver's schema/objectmeta/validation.go.

import { decodeValue } from '../../../machinery/decode.ts';
import { messageOf } from '../../../machinery/errors.ts';
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { isObject } from '../../../machinery/json.ts';
import { type ObjectMeta, objectMeta } from '../../../machinery/metadata.ts';
import { validateKindName } from '../../meta/checks.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import { childPath, eachPart } from './schema-walk.ts';

export function validateEmbeddedResources(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, path, errors);
  return errors;
}

function check(schema: JSONSchemaProps, value: unknown, path: string, errors: FieldError[]): void {
  if (schema['x-kubernetes-embedded-resource'] && isObject(value)) {
    const malformed = malformedParts(value, path);
    append(errors, malformed.length > 0 ? malformed : validateEmbedded(value, path));
  }
  eachPart(schema, value, path, (below, part, at) => check(below, part, at, errors));
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
    ...validateText(apiVersion, childPath(path, 'apiVersion'), (text, at) =>
      text.split('/').length > 2 ? [invalid(at, text, `unexpected GroupVersion string: ${text}`)] : [],
    ),
    ...validateText(kind, childPath(path, 'kind'), validateKindName),
    ...(isObject(metadata) ? validateMetadata(metadata, childPath(path, 'metadata')) : []),
  ];
}

function validateText(text: unknown, path: string, validate: (text: string, path: string) => FieldError[]) {
  if (typeof text !== 'string') return [required(path, '')];
  return text === '' ? [invalid(path, text, 'must not be empty')] : validate(text, path);
}

/** It need not have a name, and may be in a namespace or not. */
function validateMetadata(metadata: ObjectMeta, path: string): FieldError[] {
  const rules = { namespaced: Boolean(metadata.namespace), nameRule: 'path' as const };
  return validateObjectMeta({ ...metadata, name: metadata.name || 'unnamed' }, rules, path);
}

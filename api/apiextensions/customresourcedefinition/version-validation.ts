// A version of a definition: its schema, subresources, columns and selectable fields. Where all
// versions say the same, Kubernetes reports errors of it at the spec: `spec.validation`.
import { append, duplicate, type FieldError, invalid, required, tooMany } from '../../../machinery/field-error.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import { findField } from './field-path.ts';
import type { JSONSchemaProps } from './json-schema.ts';
import type { CustomResourceColumn, CustomResourceDefinitionVersion, CustomResourceSubresources } from './schema.ts';
import { validateSchema } from './schema-validation.ts';

/** Where the parts of a version are reported. */
interface PartPaths {
  schema: string;
  subresources: string;
  columns: string;
  selectableFields: string;
}

type Part = (version: CustomResourceDefinitionVersion) => FieldError[];

/** The checks of one version, apart from each other because they may be reported at different places. */
export const versionParts = {
  schema: (version, path: string) => {
    const schema = version.schema?.openAPIV3Schema;
    return schema ? validateSchema(schema, version.subresources?.status !== undefined, `${path}.openAPIV3Schema`) : [];
  },
  subresources: (version, path: string) => validateSubresources(version.subresources, path),
  columns: (version, path: string) =>
    (version.additionalPrinterColumns ?? []).flatMap((column, i) => validateColumn(column, `${path}[${i}]`)),
  selectableFields: (version, path: string) => validateSelectableFields(version, path),
} satisfies Record<keyof PartPaths, (version: CustomResourceDefinitionVersion, path: string) => ReturnType<Part>>;

export function validateDeprecation(version: CustomResourceDefinitionVersion, path: string): FieldError[] {
  const { deprecated = false, deprecationWarning: warning } = version;
  const complain = (why: string) => invalid(`${path}.deprecationWarning`, warning, why);
  if (warning === undefined) return [];
  if (!deprecated) return [complain('can only be set for deprecated versions')];
  const errors: FieldError[] = [];
  if (byteLength(warning) > 256) errors.push(complain('must be <= 256 characters long'));
  if (warning === '') errors.push(complain('must not be an empty string'));
  const odd = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  if (odd) {
    const at = byteLength(warning.slice(0, odd.index));
    errors.push(complain(`must only contain printable UTF-8 characters; non-printable character found at index ${at}`));
  }
  return errors;
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const oneOf = (words: readonly string[]) => `must be one of ${words.join(',')}`;

function validateColumn(column: CustomResourceColumn, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!column.name) errors.push(required(`${path}.name`));
  if (!column.type) errors.push(required(`${path}.type`, oneOf(columnTypes)));
  else if (!columnTypes.includes(column.type)) errors.push(invalid(`${path}.type`, column.type, oneOf(columnTypes)));
  if (column.format && !columnFormats.includes(column.format)) {
    errors.push(invalid(`${path}.format`, column.format, oneOf(columnFormats)));
  }
  if (!column.jsonPath) errors.push(required(`${path}.JSONPath`));
  else append(errors, validateSimplePath(column.jsonPath, `${path}.JSONPath`));
  return errors;
}

function validateSimplePath(jsonPath: string, path: string): FieldError[] {
  return jsonPath.startsWith('.') ? [] : [invalid(path, jsonPath, 'must be a simple json path starting with .')];
}

function validateSubresources(subresources: CustomResourceSubresources | undefined, path: string): FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  const errors: FieldError[] = [];
  const check = (key: string, value: string, below: readonly string[]) => {
    const field = `${path}.scale.${key}`;
    const wrong = validateSimplePath(value, field);
    append(errors, wrong);
    if (wrong.length > 0 || below.some((start) => value.startsWith(`${start}.`))) return;
    errors.push(
      invalid(field, value, `should be a json path under ${below.length > 1 ? 'either ' : ''}${below.join(' or ')}`),
    );
  };
  for (const [key, below] of [
    ['specReplicasPath', '.spec'],
    ['statusReplicasPath', '.status'],
  ] as const) {
    if (!scale[key]) errors.push(required(`${path}.scale.${key}`));
    else check(key, scale[key], [below]);
  }
  if (scale.labelSelectorPath) check('labelSelectorPath', scale.labelSelectorPath, ['.spec', '.status']);
  return errors;
}

const maxSelectableFields = 8;

function validateSelectableFields(version: CustomResourceDefinitionVersion, path: string): FieldError[] {
  const { selectableFields = [] } = version;
  const schema = version.schema?.openAPIV3Schema;
  if (selectableFields.length === 0) return [];
  if (!schema) return [invalid(path, '', 'may only be set when `version.schema.openAPIV3Schema` is not included')];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of selectableFields.entries()) {
    append(errors, validateSelectableField(jsonPath, schema, seen, `${path}[${i}].jsonPath`));
  }
  if (seen.size > maxSelectableFields) errors.push(tooMany(path, seen.size, maxSelectableFields));
  return errors;
}

function validateSelectableField(
  jsonPath: string,
  schema: JSONSchemaProps,
  seen: Set<string>,
  path: string,
): FieldError[] {
  if (!jsonPath) return [required(path)];
  const found = findField(jsonPath, schema, false);
  if (typeof found === 'string') return [invalid(path, jsonPath, `is an invalid path: ${found}`)];
  const errors: FieldError[] = [];
  if (found.root === 'metadata') errors.push(invalid(path, jsonPath, 'must not point to fields in metadata'));
  if (!['string', 'boolean', 'integer'].includes(found.schema?.type ?? '')) {
    const why =
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
    errors.push(invalid(path, jsonPath, why));
  }
  if (seen.has(found.path)) errors.push(duplicate(path, jsonPath));
  seen.add(found.path);
  return errors;
}

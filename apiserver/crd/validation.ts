// Whether an object of a custom resource is valid: by its JSON schema, by its lists, and by the rules in CEL.
// Upstream: the validation of apiextensions-apiserver's custom resource strategy.
import { validateEmbeddedResources } from '../../api/apiextensions/customresourcedefinition/embedded-resources.ts';
import type { JSONSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { validateListTypes } from '../../api/apiextensions/customresourcedefinition/list-types.ts';
import { compileRules } from '../../api/apiextensions/customresourcedefinition/rules.ts';
import { allSchemas } from '../../api/apiextensions/customresourcedefinition/schema-walk.ts';
import { isWhole, validateValue } from '../../api/apiextensions/customresourcedefinition/value-validation.ts';
import { type FieldError, type FieldErrorType, invalid } from '../../machinery/field-error.ts';
import { isObject } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { showGo } from '../../machinery/strategic-merge.ts';

const maxInt32 = 2 ** 31 - 1;

/** Of the status alone where that is what is written. */
export type CustomValidator = (object: KubeObject, old?: KubeObject, part?: 'status') => FieldError[];

/** Where the replicas and the selector of a scale are: `.spec.replicas`. */
export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

/** After these a rule could meet values of types or sizes that it was not made for. */
const blocking = new Set<FieldErrorType>(['NotSupported', 'Required', 'TooLong', 'TooMany', 'TypeInvalid']);

const notChecked: FieldError = {
  type: 'Invalid',
  field: '<nil>',
  detail:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** The validator of one version of a custom resource. Its rules are compiled when they are first needed. */
export function createValidator(props: JSONSchemaProps | undefined, scale?: ScalePaths): CustomValidator {
  if (!props) return (object, _old, part) => validateScale(object, scale, part);
  let rules: ReturnType<typeof compileRules> | undefined;
  const has = (feature: (schema: JSONSchemaProps) => unknown) => [...allSchemas(props)].some(feature);
  const hasRules = has((schema) => schema['x-kubernetes-validations']?.length);
  const hasEmbedded = has((schema) => schema['x-kubernetes-embedded-resource']);
  const hasListTypes = has((schema) => schema['x-kubernetes-list-type']);
  return (object, old, part) => {
    const status = part && object[part] !== undefined ? props.properties?.[part] : undefined;
    const errors = [
      ...(status
        ? validateValue(status, object[part!], part, old?.[part!])
        : part
          ? []
          : validateValue(props, object, '', old)),
      ...validateScale(object, scale, part),
      ...(hasEmbedded && !part ? validateEmbeddedResources(props, object, '') : []),
      ...(hasListTypes ? wrongLists(props, object, old) : []),
    ];
    if (!hasRules) return errors;
    if (errors.some(({ type }) => blocking.has(type))) return [...errors, notChecked];
    rules ??= compileRules(props);
    return [...errors, ...rules(object, old)];
  };
}

/** Lists that were wrong before may stay wrong. */
function wrongLists(props: JSONSchemaProps, object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = validateListTypes(props, object, '');
  return errors.length > 0 && old && validateListTypes(props, old, '').length > 0 ? [] : errors;
}

/** Whether the fields that a scale is made of are what it needs. */
function validateScale(object: KubeObject, scale: ScalePaths | undefined, part?: 'status'): FieldError[] {
  if (!scale) return [];
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale;
  const selector = labelSelectorPath && readField(object, labelSelectorPath, 'string');
  return [
    ...(part ? [] : validateReplicas(object, specReplicasPath)),
    ...validateReplicas(object, statusReplicasPath),
    ...(selector && 'problem' in selector ? [invalid(labelSelectorPath, '', selector.problem)] : []),
  ];
}

function validateReplicas(object: KubeObject, path: string): FieldError[] {
  const read = readField(object, path, 'int64');
  if ('problem' in read) return [invalid(path, 0, read.problem)];
  const replicas = (read.value ?? 0) as number | bigint;
  if (replicas < 0) return [invalid(path, replicas, 'should be a non-negative integer')];
  return replicas > maxInt32 ? [invalid(path, replicas, `should be less than or equal to ${maxInt32}`)] : [];
}

/** The value at `.a.b`, or what is wrong about it in the words of apimachinery's unstructured helpers. */
function readField(
  object: unknown,
  path: string,
  wanted: 'int64' | 'string',
): { value: unknown } | { problem: string } {
  const problemOf = (at: string, value: unknown, expected: string) => ({
    problem: `${at} accessor error: ${showGo(value)} is of the type ${goTypeOf(value)}, expected ${expected}`,
  });
  let [value, at] = [object, ''];
  for (const key of path.slice(1).split('.')) {
    at += `.${key}`;
    if (value === null || value === undefined) return { value: undefined };
    if (!isObject(value)) return problemOf(at, value, 'map[string]interface{}');
    if (!Object.hasOwn(value, key)) return { value: undefined };
    value = value[key];
  }
  if (value === undefined) return { value };
  return goTypeOf(value) === wanted ? { value } : problemOf(path, value, wanted);
}

function goTypeOf(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : isWhole(value) ? 'int64' : 'float64';
}

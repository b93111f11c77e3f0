// Whether an object of a custom resource is valid: by its JSON schema, by its lists, and by the rules in CEL.
// Upstream: the validation of apiextensions-apiserver's custom resource strategy.
import { validateEmbeddedResources } from '../../api/apiextensions/customresourcedefinition/embedded-resources.ts';
import type { JSONSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { validateListTypes } from '../../api/apiextensions/customresourcedefinition/list-types.ts';
import { allSchemas } from '../../api/apiextensions/customresourcedefinition/schema-walk.ts';
import { validateValue } from '../../api/apiextensions/customresourcedefinition/value-validation.ts';
import type { FieldError, FieldErrorType } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { compileRules } from './rules.ts';

export type CustomValidator = (object: KubeObject, old?: KubeObject) => FieldError[];

/** After these a rule could meet values of types or sizes that it was not made for. */
const blocking = new Set<FieldErrorType>(['NotSupported', 'Required', 'TooLong', 'TooMany', 'TypeInvalid']);

const notChecked: FieldError = {
  type: 'Invalid',
  field: '<nil>',
  detail:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** The validator of one version of a custom resource. Its rules are compiled when they are first needed. */
export function createValidator(props: JSONSchemaProps | undefined): CustomValidator {
  if (!props) return () => [];
  let rules: ReturnType<typeof compileRules> | undefined;
  const has = (feature: (schema: JSONSchemaProps) => unknown) => [...allSchemas(props)].some(feature);
  const hasRules = has((schema) => schema['x-kubernetes-validations']?.length);
  const hasEmbedded = has((schema) => schema['x-kubernetes-embedded-resource']);
  const hasListTypes = has((schema) => schema['x-kubernetes-list-type']);
  return (object, old) => {
    const errors = [
      ...validateValue(props, object, '', old),
      ...(hasEmbedded ? validateEmbeddedResources(props, object, '') : []),
      ...(hasListTypes ? validateListTypes(props, object, '') : []),
    ];
    if (!hasRules) return errors;
    if (errors.some(({ type }) => blocking.has(type))) return [...errors, notChecked];
    rules ??= compileRules(props);
    return [...errors, ...rules(object, old)];
  };
}

// The schema of a custom resource, as its definition writes it, turned into a schema value: so decoding, pruning,
// defaults, managed fields and apply are those of the built-in kinds. What only validation asks for (bounds, patterns,
// rules) stays in the JSON schema.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import type { JSONSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { itemsOf, valuesOf } from '../../api/apiextensions/customresourcedefinition/schema-walk.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { type AnySchema, type ListType, type ObjectSchema, type SchemaOptions, s } from '../../machinery/schema.ts';

/** The fields of an object in an object: an embedded resource, and the custom resource itself. */
const resourceFields = { ...typeMeta, metadata: s.field(objectMeta, 'Standard object metadata.', {}) };

/** What an embedded resource says of itself stays as it is, also when it says nothing: that is refused. */
const embeddedFields = {
  ...resourceFields,
  apiVersion: { ...typeMeta.apiVersion, pointer: true },
  kind: { ...typeMeta.kind, pointer: true },
};

/** The schema of a whole custom resource. `name` is its published definition. */
export function customResourceSchema(name: string, props: JSONSchemaProps | undefined): ObjectSchema {
  const own = props ? fieldsOf(props) : {};
  return {
    type: 'object',
    name,
    doc: props?.description ?? '',
    fields: { ...own, ...resourceFields, metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }) },
    // A definition without a schema keeps everything.
    preserveUnknown: !props || props['x-kubernetes-preserve-unknown-fields'] === true,
  };
}

function fieldsOf(props: JSONSchemaProps): Record<string, AnySchema> {
  const fields: Record<string, AnySchema> = {};
  for (const [key, value] of Object.entries(props.properties ?? {})) {
    Object.defineProperty(fields, key, { value: toSchema(value), enumerable: true });
  }
  return fields;
}

/** What is written stays, zeros and wrong types too. */
function optionsOf(props: JSONSchemaProps): SchemaOptions {
  return {
    lenient: true,
    pointer: true,
    ...(props.nullable ? { nullable: true } : {}),
    ...(props.default === undefined ? {} : { default: props.default }),
    ...(props['x-kubernetes-preserve-unknown-fields'] ? { preserveUnknown: true } : {}),
  };
}

function toSchema(props: JSONSchemaProps): AnySchema {
  const node = { doc: props.description ?? '', ...optionsOf(props) };
  const isAtomicMap = props['x-kubernetes-map-type'] === 'atomic';
  if (props['x-kubernetes-int-or-string']) return { type: 'string', format: 'int-or-string', ...node };
  switch (props.type) {
    case 'array':
      return { type: 'list', items: toSchema(itemsOf(props) ?? {}), ...node, ...listOptionsOf(props) };
    case 'object': {
      const values = valuesOf(props);
      const mapType = isAtomicMap ? { mapType: 'atomic' as const } : {};
      if (values) return { type: 'map', values: toSchema(values), ...node, ...mapType };
      const embedded = props['x-kubernetes-embedded-resource'] ? embeddedFields : {};
      // `additionalProperties: true` keeps what it finds, as a free field does.
      const isOpen = props.additionalProperties === true ? { preserveUnknown: true } : {};
      return { type: 'object', name: '', fields: { ...fieldsOf(props), ...embedded }, ...node, ...isOpen, ...mapType };
    }
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
      return { type: props.type, ...node } as AnySchema;
    default:
      return { type: 'any', name: '', ...node };
  }
}

function listOptionsOf(props: JSONSchemaProps): SchemaOptions {
  const listType = (props['x-kubernetes-list-type'] ?? 'atomic') as ListType;
  const listMapKeys = props['x-kubernetes-list-map-keys'];
  return { listType, ...(listMapKeys ? { listMapKeys } : {}) };
}

// The API as OpenAPI sees it, built from the kinds: definitions by name, and paths with their
// operations. Both document versions are written from this one model.

import { type GroupVersionKind, type Kind, type ServedVersion, typeNameOf } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import type { AnySchema, ObjectSchema } from '../../machinery/schema.ts';
import { finish } from '../../machinery/steps.ts';
import type { GroupVersionResources } from '../registry/kind-table.ts';
import { listMeta, metaSchemas } from './meta-types.ts';
import { basePathOf, type PathModel, pathsOf, subresourceTypes } from './operations.ts';
import { type OtherPath, otherPaths, resourceListPath } from './other-paths.ts';

/** A JSON schema with Kubernetes' extensions; `$ref` holds the bare definition name. */
export type JsonSchema = Record<string, any>;

/** Adds the definitions a schema needs to `definitions` and returns the schema of a value of it. */
export function toJsonSchema(schema: AnySchema, definitions: Map<string, JsonSchema>): JsonSchema {
  const extensions = extensionsOf(schema);
  const description = schema.doc ? { description: schema.doc } : {};
  if (schema.type === 'object') {
    if (schema.name === '') return { ...objectSchema(schema, definitions), ...description, ...extensions };
    if (!definitions.has(schema.name)) {
      definitions.set(schema.name, {});
      definitions.set(schema.name, { description: schema.typeDoc ?? schema.doc, ...objectSchema(schema, definitions) });
    }
    return { $ref: schema.name, ...description, ...extensions };
  }
  if (schema.type === 'any') {
    if (schema.name === '') return { ...description, 'x-kubernetes-preserve-unknown-fields': true };
    const type = schema.alternatives ? {} : { type: 'object' };
    definitions.set(schema.name, { ...type, description: 'Free-form JSON.' });
    return { $ref: schema.name, ...description };
  }
  if (schema.type === 'list')
    return { type: 'array', items: toJsonSchema(schema.items, definitions), ...description, ...extensions };
  if (schema.type === 'map')
    return {
      type: 'object',
      additionalProperties: toJsonSchema(schema.values, definitions),
      ...description,
      ...extensions,
    };
  return { ...scalarSchema(schema, definitions), ...description, ...extensions };
}

const namedFormats: Record<string, [name: string, definition: JsonSchema]> = {
  quantity: [
    'io.k8s.apimachinery.pkg.api.resource.Quantity',
    { type: 'string', description: 'An amount of a resource, such as 500m or 64Mi.' },
  ],
  'int-or-string': [
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    {
      type: 'string',
      format: 'int-or-string',
      description: 'A number, or a text such as a percentage or a port name.',
    },
  ],
  'date-time': [
    'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
    { type: 'string', format: 'date-time', description: 'A time in RFC 3339 form.' },
  ],
  'micro-time': [
    'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    { type: 'string', format: 'date-time', description: 'A time in RFC 3339 form with microseconds.' },
  ],
};

function scalarSchema(
  schema: Exclude<AnySchema, { type: 'object' | 'list' | 'map' | 'any' }>,
  definitions: Map<string, JsonSchema>,
): JsonSchema {
  const format = 'format' in schema ? schema.format : undefined;
  const named = format && namedFormats[format];
  if (named) {
    definitions.set(named[0], named[1]);
    return { $ref: named[0] };
  }
  return {
    type: schema.type,
    ...(format ? { format } : {}),
    ...(schema.enum ? { enum: [...schema.enum] } : {}),
    ...(schema.default !== undefined ? { default: schema.default } : {}),
  };
}

function objectSchema(schema: ObjectSchema, definitions: Map<string, JsonSchema>): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const [key, field] of Object.entries(schema.fields)) {
    properties[key] = toJsonSchema(field, definitions);
    if (field.required) required.push(key);
  }
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
}

function extensionsOf(schema: AnySchema): JsonSchema {
  return {
    ...(schema.listType ? { 'x-kubernetes-list-type': schema.listType } : {}),
    ...(schema.listMapKeys ? { 'x-kubernetes-list-map-keys': [...schema.listMapKeys] } : {}),
    ...(schema.mapType ? { 'x-kubernetes-map-type': schema.mapType } : {}),
    ...(schema.patchStrategy ? { 'x-kubernetes-patch-strategy': schema.patchStrategy } : {}),
    ...(schema.patchMergeKey ? { 'x-kubernetes-patch-merge-key': schema.patchMergeKey } : {}),
  };
}

export interface ApiModel {
  definitions: Map<string, JsonSchema>;
  /** Definitions that are large and made when they are written, by name. */
  published: Map<string, () => JsonSchema>;
  paths: PathModel[];
}

/** What a document tells of. */
export interface Content {
  groupVersions: readonly GroupVersionResources[];
  others: readonly OtherPath[];
}

/** The model of one group/version, or of several together, and of what is no resource; a step for each kind. */
export function* modelInSteps({ groupVersions, others }: Content): Generator<'', ApiModel> {
  const model: ApiModel = { definitions: new Map(), published: new Map(), paths: [] };
  const add = ({ schema, model: path }: OtherPath) => {
    if (schema) toJsonSchema(schema, model.definitions);
    model.paths.push(path);
  };
  for (const gv of groupVersions) {
    if (hasBuiltIn(gv)) add(resourceListPath(gv));
    for (const schema of metaSchemas) toJsonSchema(schema, model.definitions);
    for (const { kind, version } of gv.resources) {
      addDefinitions(kind, version, model);
      for (const { schema, gvk } of subresourceTypes(kind)) addType(schema, gvk, model.definitions);
      model.paths.push(...pathsOf(kind, version));
      yield '';
    }
  }
  for (const one of others) add(one);
  return model;
}

export const buildModel = (content: Content): ApiModel => finish(modelInSteps(content));

const hasBuiltIn = ({ resources }: GroupVersionResources) => resources.some(({ kind }) => !kind.isCustom);

/** What there are documents of in version 3, by path. */
export function contentsOf(all: readonly GroupVersionResources[]): Map<string, Content> {
  const groups = new Set(all.filter(hasBuiltIn).map(({ group }) => group));
  return new Map<string, Content>([
    ...all.map((gv): [string, Content] => [basePathOf(gv).slice(1), { groupVersions: [gv], others: [] }]),
    ...[...otherPaths(groups)].map(([path, one]): [string, Content] => [path, { groupVersions: [], others: [one] }]),
  ]);
}

const withKind = (schema: JsonSchema | undefined, gvk: GroupVersionKind): JsonSchema => ({
  ...schema,
  'x-kubernetes-group-version-kind': [gvk],
});

function addType(schema: ObjectSchema, gvk: GroupVersionKind, definitions: Map<string, JsonSchema>): void {
  toJsonSchema(schema, definitions);
  definitions.set(schema.name, withKind(definitions.get(schema.name), gvk));
}

function addDefinitions(kind: Kind, version: ServedVersion, { definitions, published }: ApiModel): void {
  const gvk = { group: version.group, version: version.version, kind: kind.kind };
  const name = typeNameOf(version);
  const asWritten = version.published?.schema;
  if (asWritten) {
    // It refers to metadata alone.
    toJsonSchema(objectMeta, definitions);
    published.set(name, () => withKind(asWritten(), gvk));
  } else addType(version.schema, gvk, definitions);
  if (!kind.verbs.includes('list')) return;
  toJsonSchema(listMeta, definitions);
  definitions.set(`${name}List`, {
    type: 'object',
    description: `A list of objects of kind ${kind.kind}.`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: typeMeta.apiVersion.doc },
      kind: { type: 'string', description: 'The kind of the list.' },
      metadata: { $ref: listMeta.name, description: 'Standard list metadata.' },
      items: { type: 'array', items: { $ref: name }, description: 'The objects.' },
    },
    'x-kubernetes-group-version-kind': [{ ...gvk, kind: kind.listKind }],
  });
}

// The API as OpenAPI sees it, built from the kinds: definitions by name, and paths with their
// operations. Both document versions are written from this one model.
import { type allVerbs, type Kind, type ServedVersion, typeNameOf } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import type { AnySchema, ObjectSchema } from '../../machinery/schema.ts';
import type { GroupVersionResources } from '../registry/kind-table.ts';

/** A JSON schema with Kubernetes' extensions; `$ref` holds the bare definition name. */
export type JsonSchema = Record<string, any>;

export interface Operation {
  method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  id: string;
  action: string;
  description: string;
  gvk: { group: string; version: string; kind: string };
  parameters: string[];
  hasBody: boolean;
  /** Definition name of the body and of the response. */
  definition: string;
}

export interface PathModel {
  path: string;
  parameters: string[];
  operations: Operation[];
}

/** What a query or path parameter is. */
export const parameterTable: Record<string, { in: 'query' | 'path'; type: string; doc: string }> = {
  name: { in: 'path', type: 'string', doc: 'Name of the object.' },
  namespace: { in: 'path', type: 'string', doc: 'Namespace of the object.' },
  pretty: { in: 'query', type: 'string', doc: 'Accepted and without effect.' },
  dryRun: { in: 'query', type: 'string', doc: 'All: run every stage of the request without storing anything.' },
  fieldManager: { in: 'query', type: 'string', doc: 'Name under which changed fields are recorded.' },
  fieldValidation: {
    in: 'query',
    type: 'string',
    doc: 'What to do with unknown and duplicate fields: Ignore, Warn or Strict.',
  },
  force: { in: 'query', type: 'boolean', doc: 'Take over fields of other managers (apply patches).' },
  labelSelector: { in: 'query', type: 'string', doc: 'Only objects whose labels match.' },
  fieldSelector: { in: 'query', type: 'string', doc: 'Only objects whose fields match.' },
  limit: { in: 'query', type: 'integer', doc: 'At most so many items.' },
  continue: { in: 'query', type: 'string', doc: 'Token of the page to go on from.' },
  resourceVersion: { in: 'query', type: 'string', doc: 'The version to read at or to watch from.' },
  resourceVersionMatch: { in: 'query', type: 'string', doc: 'How resourceVersion is meant.' },
  timeoutSeconds: { in: 'query', type: 'integer', doc: 'End the request after so long.' },
  watch: { in: 'query', type: 'boolean', doc: 'Stream changes instead of listing.' },
  gracePeriodSeconds: { in: 'query', type: 'integer', doc: 'Seconds the object has to end by itself.' },
  propagationPolicy: {
    in: 'query',
    type: 'string',
    doc: 'What becomes of dependents: Orphan, Background or Foreground.',
  },
};

const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'];
const listParameters = [
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'timeoutSeconds',
  'watch',
];
const deleteParameters = ['dryRun', 'gracePeriodSeconds', 'propagationPolicy'];

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

/** The model of one group/version, or of several together. */
export function buildModel(groupVersions: readonly GroupVersionResources[]): ApiModel {
  const model: ApiModel = { definitions: new Map(), published: new Map(), paths: [] };
  for (const gv of groupVersions) {
    for (const { kind, version } of gv.resources) {
      addDefinitions(kind, version, model);
      model.paths.push(...pathsOf(kind, version));
    }
  }
  return model;
}

function addDefinitions(kind: Kind, version: ServedVersion, { definitions, published }: ApiModel): void {
  const gvk = { group: version.group, version: version.version, kind: kind.kind };
  const name = typeNameOf(version);
  // What is published as it was written refers to metadata alone.
  toJsonSchema(version.published ? objectMeta : version.schema, definitions);
  const withKind = (schema: JsonSchema | undefined) => ({ ...schema, 'x-kubernetes-group-version-kind': [gvk] });
  const asWritten = version.published?.schema;
  if (asWritten) published.set(name, () => withKind(asWritten()));
  else definitions.set(name, withKind(definitions.get(name)));
  if (!kind.verbs.includes('list')) return;
  const listMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';
  definitions.set(listMeta, {
    type: 'object',
    description: 'What lists carry besides their items.',
    properties: {
      continue: { type: 'string', description: 'Token for the next page.' },
      remainingItemCount: { type: 'integer', format: 'int64', description: 'How many items are left.' },
      resourceVersion: { type: 'string', description: 'The version the list is true at.' },
      selfLink: { type: 'string', description: 'No longer filled in.' },
    },
  });
  definitions.set(`${name}List`, {
    type: 'object',
    description: `A list of objects of kind ${kind.kind}.`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: typeMeta.apiVersion.doc },
      kind: { type: 'string', description: 'The kind of the list.' },
      metadata: { $ref: listMeta, description: 'Standard list metadata.' },
      items: { type: 'array', items: { $ref: name }, description: 'The objects.' },
    },
    'x-kubernetes-group-version-kind': [{ ...gvk, kind: kind.listKind }],
  });
}

/** `/apis/apps/v1` or `/api/v1` */
export function basePathOf(version: { group: string; version: string }): string {
  return version.group ? `/apis/${version.group}/${version.version}` : `/api/${version.version}`;
}

function pathsOf(kind: Kind, version: ServedVersion): PathModel[] {
  const base = basePathOf(version);
  const at = kind.namespaced ? `${base}/namespaces/{namespace}/${kind.plural}` : `${base}/${kind.plural}`;
  const inNamespace = kind.namespaced ? ['namespace'] : [];
  const gvk = { group: version.group, version: version.version, kind: kind.kind };
  const name = typeNameOf(version);
  const op = (method: Operation['method'], action: string, parameters: string[], definition = name): Operation => ({
    method,
    action,
    id: `${action}${kind.namespaced ? 'Namespaced' : ''}${kind.kind}_${version.group}_${version.version}`,
    description: `${action} ${kind.kind}`,
    gvk,
    parameters,
    hasBody: ['put', 'post', 'patch'].includes(method),
    definition,
  });
  const can = (verb: (typeof allVerbs)[number]) => kind.verbs.includes(verb);
  const collection: Operation[] = [];
  if (can('list')) collection.push(op('get', 'list', listParameters, `${name}List`));
  const everywhere = kind.namespaced ? collection.map((o) => ({ ...o, id: `${o.id}_all` })) : [];
  if (can('create')) collection.push(op('post', 'create', writeParameters));
  if (can('deletecollection')) collection.push(op('delete', 'deletecollection', deleteParameters));
  const single: Operation[] = [];
  if (can('get')) single.push(op('get', 'get', ['pretty']));
  if (can('update')) single.push(op('put', 'put', writeParameters));
  if (can('patch')) single.push(op('patch', 'patch', [...writeParameters, 'force']));
  if (can('delete')) single.push(op('delete', 'delete', deleteParameters));
  const status = kind.subresources.status
    ? single.filter((o) => o.method !== 'delete').map((o) => ({ ...o, id: `${o.id}_status` }))
    : [];
  const paths: PathModel[] = [
    { path: `${base}/${kind.plural}`, parameters: [], operations: everywhere },
    { path: at, parameters: inNamespace, operations: collection },
    { path: `${at}/{name}`, parameters: ['name', ...inNamespace], operations: single },
    { path: `${at}/{name}/status`, parameters: ['name', ...inNamespace], operations: status },
  ];
  return paths.filter((p) => p.operations.length > 0);
}

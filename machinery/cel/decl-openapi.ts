// The schemas of custom resources as CEL sees them, sizes bounded by what the schema says or a request can hold. Upstream:
// apiserver/pkg/cel/common/schemas.go.
import { type DeclType, decl, escapeName, withNull } from './decl-type.ts';
import { maxRequestBytes } from './limits.ts';

/** What of an OpenAPI schema matters here. */
export interface OpenApiSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly items?: OpenApiSchema;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly nullable?: boolean;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/**
 * The description of a schema's values, by the name its type has in messages; undefined where CEL cannot see them: what has
 * no schema, and lists and maps of that. A resource's root shows its type and name whatever the schema says.
 */
export function declFromOpenApi(schema: OpenApiSchema, name: string, isResource = false): DeclType | undefined {
  const description = describe(schema, name, isResource || schema['x-kubernetes-embedded-resource'] === true);
  return description !== undefined && schema.nullable ? withNull(description) : description;
}

const bound = (value: number) => Math.max(0, value);

function describe(schema: OpenApiSchema, name: string, isResource: boolean): DeclType | undefined {
  if (schema['x-kubernetes-int-or-string']) {
    return decl.dyn(schema.maxLength === undefined ? undefined : bound(schema.maxLength) * 4);
  }
  switch (schema.type) {
    case 'boolean':
      return decl.bool;
    case 'integer':
      return decl.int;
    case 'number':
      return decl.double;
    case 'string':
      return text(schema);
    case 'array':
      return list(schema, name);
    case 'object':
      return map(schema, name) ?? (hasValues(schema) ? undefined : object(schema, name, isResource));
    default:
      return undefined;
  }
}

function text(schema: OpenApiSchema): DeclType {
  const { maxLength } = schema;
  switch (schema.format) {
    case 'byte':
      return decl.bytes(maxLength === undefined ? undefined : bound(maxLength));
    case 'duration':
      return decl.duration;
    case 'date':
      return decl.date;
    case 'date-time':
      return decl.timestamp;
  }
  // Bounds of texts count code points, those of requests bytes: four at most.
  if (maxLength !== undefined) return decl.string(bound(maxLength) * 4);
  if (!schema.enum?.length) return decl.string();
  return decl.string(
    Math.max(...schema.enum.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0))),
  );
}

function list(schema: OpenApiSchema, name: string): DeclType | undefined {
  const items = schema.items && declFromOpenApi(schema.items, `${name}.@idx`);
  if (items === undefined) return undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const listType = schema['x-kubernetes-list-type'];
  const unordered = listType === 'map' ? { keys } : listType === 'set' ? 'set' : undefined;
  return decl.list(items, schema.maxItems === undefined ? undefined : bound(schema.maxItems), unordered);
}

const hasValues = (schema: OpenApiSchema) => typeof schema.additionalProperties === 'object';

function map(schema: OpenApiSchema, name: string): DeclType | undefined {
  if (!hasValues(schema)) return undefined;
  const values = declFromOpenApi(schema.additionalProperties as OpenApiSchema, `${name}.@elem`);
  const { maxProperties } = schema;
  return values && decl.map(values, maxProperties === undefined ? undefined : bound(maxProperties));
}

const name: OpenApiSchema = { type: 'string' };
const rootProperties: Record<string, OpenApiSchema> = {
  apiVersion: name,
  kind: name,
  metadata: { type: 'object', properties: { name, generateName: name } },
};

/** The properties of a resource: type and name as they always are, unless the schema says all of them itself. */
function resourceProperties(properties: Readonly<Record<string, OpenApiSchema>>): Record<string, OpenApiSchema> {
  const { apiVersion, kind, metadata } = properties;
  const texts = [apiVersion, kind, metadata?.properties?.name, metadata?.properties?.generateName];
  const isComplete = metadata?.type === 'object' && texts.every((property) => property?.type === 'string');
  return isComplete ? properties : { ...properties, ...rootProperties };
}

function object(schema: OpenApiSchema, typeName: string, isResource: boolean): DeclType {
  const own = schema.properties ?? {};
  const properties = isResource ? resourceProperties(own) : own;
  const fields: [string, DeclType][] = [];
  let minBytes = 2;
  for (const [field, property] of Object.entries(properties)) {
    const of = declFromOpenApi(property, `${typeName}.${escapeName(field) ?? field}`);
    if (of === undefined) continue;
    fields.push([field, of]);
    // What has a default need not be in a request.
    if (schema.required?.includes(field) && property.default === undefined) minBytes += field.length + of.minBytes + 4;
  }
  return decl.object(typeName, () => fields, Math.min(minBytes, maxRequestBytes));
}

// The OpenAPI v2 documents of other servers, as far as they are part of ours: the paths of one group and version with
// the definitions that these use. Nothing of them is believed to have its form. Upstream: kube-aggregator's openapi.
import { isObject, jsonEqual, setKey } from '../../machinery/json.ts';
import type { ApiDocument } from './documents.ts';
import type { JsonSchema } from './model.ts';

/** A part of a document; references begin with `#/definitions/`. */
export interface V2Part {
  paths: Record<string, JsonSchema>;
  definitions: Record<string, JsonSchema>;
}

const definitionPrefix = '#/definitions/';
const parameterPrefix = '#/parameters/';
const methods = ['get', 'put', 'post', 'delete', 'patch'] as const;

type Fields = Record<string, unknown>;

const entriesOf = (value: unknown): [string, Fields][] =>
  isObject(value) ? Object.entries(value).filter((entry): entry is [string, Fields] => isObject(entry[1])) : [];
const textsOf = (value: unknown): string[] | undefined =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : undefined;

/** Drops what is undefined. */
const filled = (fields: JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
const textIn = (from: Fields, ...names: string[]): JsonSchema =>
  Object.fromEntries(names.filter((name) => typeof from[name] === 'string').map((name) => [name, from[name]]));
const extensionsOf = (from: Fields): JsonSchema =>
  Object.fromEntries(Object.entries(from).filter(([name]) => name.startsWith('x-')));
const mapOf = (value: unknown, read: (one: Fields) => JsonSchema): JsonSchema =>
  Object.fromEntries(entriesOf(value).map(([name, one]) => [name, read(one)]));

function schemaOf(from: Fields): JsonSchema {
  const { properties, items, additionalProperties, type, $ref } = from;
  const one = Array.isArray(type) ? type[0] : type;
  return filled({
    ...textIn(from, 'format', 'description'),
    $ref: typeof $ref === 'string' && $ref.startsWith(definitionPrefix) ? $ref : undefined,
    type: typeof one === 'string' ? one : undefined,
    default: from.default,
    required: textsOf(from.required),
    enum: Array.isArray(from.enum) ? from.enum : undefined,
    items: isObject(items) ? schemaOf(items) : undefined,
    properties: isObject(properties) ? mapOf(properties, schemaOf) : undefined,
    additionalProperties: isObject(additionalProperties) ? schemaOf(additionalProperties) : undefined,
    ...extensionsOf(from),
  });
}

/** Parameters by themselves, and those that are shared by name. */
function parametersOf(value: unknown, shared: Fields): JsonSchema[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.filter(isObject).flatMap((given: Fields) => {
    const { $ref } = given;
    const isShared = typeof $ref === 'string' && $ref.startsWith(parameterPrefix);
    const name = isShared ? $ref.slice(parameterPrefix.length) : '';
    const from = isShared ? (Object.hasOwn(shared, name) ? shared[name] : undefined) : given;
    if (!isObject(from) || typeof from.name !== 'string' || typeof from.in !== 'string') return [];
    return [
      filled({
        ...textIn(from, 'name', 'in', 'description', 'type'),
        required: from.required === true ? true : undefined,
        uniqueItems: from.uniqueItems === true ? true : undefined,
        schema: from.in === 'body' ? schemaOf(isObject(from.schema) ? from.schema : {}) : undefined,
      }),
    ];
  });
}

function operationOf(from: Fields, shared: Fields): JsonSchema {
  const response = (one: Fields) =>
    filled({ ...textIn(one, 'description'), schema: isObject(one.schema) ? schemaOf(one.schema) : undefined });
  return filled({
    ...textIn(from, 'description', 'operationId'),
    consumes: textsOf(from.consumes),
    produces: textsOf(from.produces),
    schemes: textsOf(from.schemes),
    parameters: parametersOf(from.parameters, shared),
    responses: mapOf(from.responses, response),
    ...extensionsOf(from),
  });
}

function pathOf(from: Fields, shared: Fields): JsonSchema {
  const operations = methods.flatMap((method) => {
    const operation = from[method];
    return isObject(operation) ? [[method, operationOf(operation, shared)] as const] : [];
  });
  return filled({ ...Object.fromEntries(operations), parameters: parametersOf(from.parameters, shared) });
}

/** Calls `visit` with every reference of a value, and puts what it returns in its place. */
function mapReferences(value: unknown, visit: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => mapReferences(one, visit));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const isReference = key === '$ref' && typeof one === 'string' && one.startsWith(definitionPrefix);
      if (!isReference) return [key, mapReferences(one, visit)];
      return [key, definitionPrefix + visit((one as string).slice(definitionPrefix.length))];
    }),
  );
}

/** What of a document is below `prefix`, `/apis/<group>/<version>/`; undefined where there is nothing. */
export function partOf(document: unknown, prefix: string): V2Part | undefined {
  if (!isObject(document)) return undefined;
  const shared = isObject(document.parameters) ? document.parameters : {};
  const known = isObject(document.definitions) ? document.definitions : {};
  const isOurs = (path: string) => path.startsWith(prefix) || `${path}/` === prefix;
  const paths = Object.fromEntries(
    entriesOf(document.paths).flatMap(([path, one]) => (isOurs(path) ? [[path, pathOf(one, shared)] as const] : [])),
  );
  if (Object.keys(paths).length === 0) return undefined;
  const definitions: Record<string, JsonSchema> = {};
  const wanted: string[] = [];
  const want = (name: string) => {
    wanted.push(name);
    return name;
  };
  mapReferences(paths, want);
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (Object.hasOwn(definitions, name)) continue;
    const from = Object.hasOwn(known, name) ? known[name] : undefined;
    const definition = isObject(from) ? schemaOf(from) : {};
    setKey(definitions, name, definition);
    mapReferences(definition, want);
  }
  return { paths, definitions };
}

/** Whether two definitions say the same; whose kind they are is added up. */
function isSame(a: JsonSchema, b: JsonSchema): boolean {
  const { 'x-kubernetes-group-version-kind': _a, ...one } = a;
  const { 'x-kubernetes-group-version-kind': _b, ...other } = b;
  return jsonEqual(one, other);
}

/** The document with the parts of others. A definition that differs from one of the name gets another name. */
export function withParts(document: ApiDocument, parts: readonly V2Part[]): ApiDocument {
  const paths = new Map(document.paths);
  const definitions = new Map(document.definitions);
  for (const part of parts) {
    const names = new Map<string, string>();
    for (const [name, definition] of Object.entries(part.definitions))
      names.set(name, freeName(name, definition, definitions));
    const rename = (name: string) => names.get(name) ?? name;
    const renamed = (schema: JsonSchema) => () => mapReferences(schema, rename) as JsonSchema;
    for (const [name, definition] of Object.entries(part.definitions)) {
      const own = names.get(name)!;
      if (!definitions.has(own)) definitions.set(own, renamed(definition));
    }
    for (const [path, one] of Object.entries(part.paths)) if (!paths.has(path)) paths.set(path, renamed(one));
  }
  return { ...document, paths, definitions };
}

function freeName(name: string, definition: JsonSchema, known: ApiDocument['definitions']): string {
  let free = name;
  for (let i = 2; known.has(free) && !isSame(known.get(free)!(), definition); i++) free = `${name}_v${i}`;
  return free;
}

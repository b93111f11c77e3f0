// The OpenAPI documents: version 3 a group/version, and version 2 for everything at once. Their parts are made one by
// one, when they are written: with many definitions they are large.
import { protobufType } from '../protobuf/envelope.ts';
import type { ApiModel, JsonSchema } from './model.ts';
import { type Operation, type PathModel, parameterTable } from './operations.ts';
import { publishedInVersion2 } from './version2.ts';

const info = { title: 'Kubernetes', version: 'v1.36.0' };
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** In which forms an operation takes its body. */
function bodiesOf({ action, isCustom }: Operation): string[] {
  if (action !== 'patch') return ['*/*'];
  return isCustom ? patchTypes.filter((type) => !type.includes('strategic')) : patchTypes;
}

/**
 * Replaces bare definition names in `$ref` by pointers. A reference beside other keys stands in
 * allOf, as the standard wants it.
 */
function pointTo(schema: JsonSchema, prefix: string): JsonSchema {
  const out: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties')
      out.properties = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pointTo(v as JsonSchema, prefix)]));
    else if (key === 'items' || key === 'additionalProperties') out[key] = pointTo(value, prefix);
    else if (key !== '$ref') out[key] = value;
  }
  if (schema.$ref === undefined) return out;
  const ref = { $ref: prefix + schema.$ref };
  if (Object.keys(out).length === 0) return ref;
  return prefix === v3Prefix ? { ...out, allOf: [ref] } : { ...ref, ...out };
}

const v3Prefix = '#/components/schemas/';
const v2Prefix = '#/definitions/';

/** What stands under a name, made when it is asked for. */
type Parts = ReadonlyMap<string, () => JsonSchema>;

export interface ApiDocument {
  /** What stands before the others. */
  head: JsonSchema;
  paths: Parts;
  definitions: Parts;
}

function definitionsOf({ definitions, published }: ApiModel, prefix: string): Parts {
  const known = [...definitions].map(([name, schema]): [string, () => JsonSchema] => [name, () => schema]);
  const custom = [...published].map(([name, make]): [string, () => JsonSchema] => [
    name,
    prefix === v2Prefix ? () => publishedInVersion2(make()) : make,
  ]);
  const sorted = [...known, ...custom].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([name, make]) => [name, () => pointTo(make(), prefix)]));
}

const extensions = ({ action, gvk }: Operation): JsonSchema =>
  action ? { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk } : {};

/** In which forms an operation answers. */
function answersOf({ answer, isWatchable, isCustom }: Operation): string[] {
  if (!answer) return ['*/*'];
  const forms = ['application/json', 'application/yaml', ...(isCustom ? [] : [protobufType])];
  return isWatchable
    ? [...forms, ...forms.filter((form) => !form.endsWith('yaml')).map((form) => `${form};stream=watch`)]
    : forms;
}

const reasons: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted', 401: 'Unauthorized' };

function responsesOf(op: Operation, answer: JsonSchema): JsonSchema {
  const { 401: unauthorized, ...rest } = reasons;
  const told = Object.entries(rest).filter(([code]) => op.codes.includes(Number(code)));
  return {
    ...Object.fromEntries(told.map(([code, description]) => [code, { description, ...answer }])),
    401: { description: unauthorized },
  };
}

const answerSchema = ({ answer }: Operation, prefix: string): JsonSchema =>
  answer ? { $ref: prefix + answer } : { type: 'string' };

function v3Parameter(key: string): JsonSchema {
  const p = parameterTable[key]!;
  return {
    name: key.replace('?', ''),
    in: p.in,
    description: p.doc,
    ...(p.in === 'path' ? { required: true } : {}),
    schema: { type: p.type, uniqueItems: true },
  };
}

function v3Operation(op: Operation): JsonSchema {
  const content = (types: string[], schema: JsonSchema) => Object.fromEntries(types.map((type) => [type, { schema }]));
  const { body } = op;
  const bodyContent = () => content(bodiesOf(op), { $ref: v3Prefix + body });
  return {
    tags: [op.tag],
    description: op.description,
    operationId: op.id,
    parameters: op.parameters.map(v3Parameter),
    ...(body ? { requestBody: { content: bodyContent(), ...(op.isBodyOptional ? {} : { required: true }) } } : {}),
    responses: responsesOf(op, { content: content(answersOf(op), answerSchema(op, v3Prefix)) }),
    ...extensions(op),
  };
}

function pathsOf(
  model: ApiModel,
  operation: (op: Operation) => JsonSchema,
  parameter: (name: string) => JsonSchema,
): Parts {
  const render = (path: PathModel): JsonSchema => ({
    ...Object.fromEntries(path.operations.map((op) => [op.method, operation(op)])),
    ...(path.parameters.length > 0 ? { parameters: path.parameters.map(parameter) } : {}),
  });
  return new Map(model.paths.map((path) => [path.path, () => render(path)]));
}

export function openApiV3(model: ApiModel): ApiDocument {
  return {
    head: { openapi: '3.0.0', info },
    paths: pathsOf(model, v3Operation, v3Parameter),
    definitions: definitionsOf(model, v3Prefix),
  };
}

function v2Parameter(key: string): JsonSchema {
  const { schema, ...rest } = v3Parameter(key);
  return { ...rest, ...schema };
}

function v2Operation(op: Operation): JsonSchema {
  const schema = { $ref: v2Prefix + op.body };
  const body = { name: 'body', in: 'body', ...(op.isBodyOptional ? {} : { required: true }), schema };
  return {
    tags: [op.tag],
    description: op.description,
    operationId: op.id,
    consumes: bodiesOf(op),
    produces: answersOf(op),
    schemes: ['https'],
    parameters: [...(op.body ? [body] : []), ...op.parameters.map(v2Parameter)],
    responses: responsesOf(op, { schema: answerSchema(op, v2Prefix) }),
    ...extensions(op),
  };
}

export function openApiV2(model: ApiModel): ApiDocument {
  return {
    head: { swagger: '2.0', info },
    paths: pathsOf(model, v2Operation, v2Parameter),
    definitions: definitionsOf(model, v2Prefix),
  };
}

function* membersOf(parts: Parts): Generator<string> {
  let separator = '';
  for (const [name, make] of parts) {
    yield `${separator}${JSON.stringify(name)}:${JSON.stringify(make())}`;
    separator = ',';
  }
}

/** The text of a document, piece by piece. */
export function* writeDocument({ head, paths, definitions }: ApiDocument): Generator<string> {
  const [open, close] = head.openapi ? ['"components":{"schemas":{', '}}}'] : ['"definitions":{', '}}'];
  yield `${JSON.stringify(head).slice(0, -1)},"paths":{`;
  yield* membersOf(paths);
  yield `},${open}`;
  yield* membersOf(definitions);
  yield close;
}

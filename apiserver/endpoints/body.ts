// Reading a request body: JSON, YAML or protobuf to a plain value, once, noticing keys that come twice.
import { goKindOf } from '../../machinery/decode.ts';
import { badRequestError, StatusError, unsupportedMediaTypeError } from '../../machinery/errors.ts';
import { goQuote } from '../../machinery/go-quote.ts';
import { isObject } from '../../machinery/json.ts';
import { type ReadText, readJson, TextError, TooManyValuesError } from '../../machinery/json-reader.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';
import { readYaml, yamlText } from '../../machinery/yaml-reader.ts';
import { decodeMessage, protobufType, readEnvelope } from '../protobuf/envelope.ts';
import { hasFieldNumbers } from '../protobuf/field-table.ts';
import { ProtobufError } from '../protobuf/wire-reader.ts';
import type { ApiRequest } from './exchange.ts';

export interface ParsedBody {
  value: unknown;
  /** Texts for strict field validation: `duplicate field "spec.replicas"`. */
  duplicates: string[];
  /** Numbers of JSON as they are written (see `ReadText`). */
  literals?: ReadonlyMap<string, string>;
}

// What upstream's etcd would store (1.5 MiB) holds no more. JSON is read in turns: of scalars it has room for any number.
export const maxOpened = 550_000;
/** Keys count as well. */
export const maxYamlValues = 500_000;
/** Three fields each; that much is no smaller than what upstream's etcd would store, of anything. */
const maxProtobufValues = 150_000;

/** The part of a request that says what its body is. */
type SentBody = Pick<ApiRequest, 'body' | 'contentType' | 'read'>;

/** An apply, in YAML, of which JSON is a part. */
export const applyType = 'application/apply-patch+yaml';

type MediaType = 'json' | 'yaml' | 'protobuf';

const mediaTypes: Record<string, MediaType> = {
  __proto__: null as never,
  '': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
  [protobufType]: 'protobuf',
};

const parameter = /\s*;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:[\w!#$%&'*+.^`|~-]+|"(?:[^"\\]|\\.)*")/y;

/** The media type in lower case; `none` where its parameters are wrong, or come twice. Upstream: Go's mime.ParseMediaType. */
function mediaTypeOf(contentType: string): string {
  const [type] = contentType.split(';', 1);
  const names = new Set<string>();
  let at = type!.length;
  parameter.lastIndex = at;
  for (let found = parameter.exec(contentType); found; found = parameter.exec(contentType)) {
    const name = found[1]!.toLowerCase();
    if (names.has(name)) return 'none';
    names.add(name);
    at = parameter.lastIndex;
  }
  return /^\s*;?\s*$/.test(contentType.slice(at)) ? type!.trim().toLowerCase() : 'none';
}

/** The media type without its parameters. */
export function baseType(contentType: string): string {
  return contentType.split(';')[0]!.trim().toLowerCase();
}

export function isYaml(contentType: string): boolean {
  const type = baseType(contentType);
  return type === applyType || mediaTypes[type] === 'yaml';
}

export const isJson = (contentType: string): boolean => /^$|json$/.test(baseType(contentType));

/** Parses the body of an object that should be of `want`: a protobuf body can only be read by a schema. */
export function parseBody(request: SentBody, want: { kind: string; schema: ObjectSchema }): ParsedBody {
  const { body } = request;
  const what = want.kind;
  const media = mediaTypes[mediaTypeOf(request.contentType)];
  const isRead = media !== undefined && (media !== 'protobuf' || hasFieldNumbers(want.schema.name));
  if (!isRead) {
    const accepted = Object.keys(mediaTypes).slice(1).join(', ');
    throw unsupportedMediaTypeError(
      `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
    );
  }
  const unrecognized = (why: string, cause: unknown) =>
    badRequestError(
      `the object provided is unrecognized (must be of type ${what}): ${why} (${summarize(body)})`,
      cause,
    );
  const problem = media === 'json' ? "couldn't get version/kind; json parse error: " : '';
  let read: ParsedBody;
  try {
    if (media === 'protobuf') return readProtobuf(body, want);
    read = media === 'yaml' ? readYamlBody(request) : readJsonBody(request);
  } catch (err) {
    if (err instanceof TooManyValuesError) throw tooManyValues(err);
    if (!(err instanceof TextError || err instanceof ProtobufError)) throw err;
    throw unrecognized(`${problem}${err.message}`, err);
  }
  // To Go null is an object without fields.
  if (read.value === null) return { ...read, value: {} };
  if (!isObject(read.value)) {
    const why = `json: cannot unmarshal ${goKindOf(read.value)} into Go value of type ${goTypeMeta}`;
    throw unrecognized(`couldn't get version/kind; json parse error: ${why}`, undefined);
  }
  return read;
}

/** How Go names what it reads first of an object. */
const goTypeMeta =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** A message of another kind is not decoded: whoever asks for the value refuses it by its kind. */
function readProtobuf(body: Buffer, want: { kind: string; schema: ObjectSchema }): ParsedBody {
  const { raw, ...type } = readEnvelope(body, maxProtobufValues);
  const kind = type.kind || want.kind;
  if (kind !== want.kind) return { value: type, duplicates: [] };
  try {
    return { value: { ...decodeMessage(want.schema, raw, maxProtobufValues), ...type }, duplicates: [] };
  } catch (err) {
    if (!(err instanceof ProtobufError)) throw err;
    const version = JSON.stringify(type.apiVersion.split('/').pop());
    throw badRequestError(`${kind} in version ${version} cannot be handled as a ${want.kind}: ${err.message}`, err);
  }
}

function readJsonBody({ body, read }: SentBody): ParsedBody {
  if (read instanceof TextError) throw read;
  const { duplicates, ...rest } = read ?? readJson(body.toString(), maxOpened);
  return { ...rest, duplicates: duplicates.map((path) => `duplicate field ${goQuote(path)}`) };
}

function readYamlBody({ body, read }: SentBody): ParsedBody {
  if (read instanceof TextError) throw read;
  // To YAML `1.0` is one, also where it is written in JSON.
  const { value, duplicates } = read ?? readYaml(yamlText(body), maxYamlValues);
  return { value, duplicates };
}

/** What the client is told of more values than there is room for. */
export const tooManyValues = (err: TooManyValuesError) =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: ${err.message}`, { cause: err });

/** Parses a patch in JSON. */
export function parsePatch(request: SentBody, prefix = 'error decoding patch: '): ParsedBody {
  return readText(() => readJsonBody(request), prefix);
}

/** Parses the YAML of an apply. */
export function parseApply(request: SentBody): ParsedBody {
  return readText(() => readYamlBody(request), 'error decoding YAML: ');
}

function readText(read: () => ReadText, prefix: string): ReadText {
  try {
    return read();
  } catch (err) {
    if (err instanceof TooManyValuesError) throw tooManyValues(err);
    if (err instanceof TextError) throw badRequestError(`${prefix}${err.message}`, err);
    throw err;
  }
}

const summaryBytes = 30;

/** The beginning of a body: as it is where it looks like JSON, else in hexadecimal. */
function summarize(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const start = body.subarray(0, summaryBytes).toString(body[0] === 0x7b ? 'utf8' : 'hex');
  return body.length > summaryBytes ? `${start} ...` : start;
}

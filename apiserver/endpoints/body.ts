// Reading a request body: JSON, YAML or protobuf to a plain value, once, noticing keys that come twice.
import { badRequestError, unsupportedMediaTypeError } from '../../machinery/errors.ts';
import { type ReadText, readJson, TextError } from '../../machinery/json-reader.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';
import { readYaml } from '../../machinery/yaml-reader.ts';
import { decodeMessage, readEnvelope } from '../protobuf/decode.ts';

export interface ParsedBody {
  value: unknown;
  /** Texts for strict field validation: `duplicate field "spec.replicas"`. */
  duplicates: string[];
}

/** An apply, in YAML, of which JSON is a part. */
export const applyType = 'application/apply-patch+yaml';

export type MediaType = 'json' | 'yaml' | 'protobuf';

const mediaTypes: Record<string, MediaType> = {
  __proto__: null as never,
  '': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
};

/** The media type without its parameters. */
export function baseType(contentType: string): string {
  return contentType.split(';')[0]!.trim().toLowerCase();
}

/** Parses the body of an object that should be of `want`: a protobuf body can only be read by a schema. */
export function parseBody(body: Buffer, contentType: string, want: { kind: string; schema: ObjectSchema }): ParsedBody {
  const what = want.kind;
  const media = mediaTypes[baseType(contentType)];
  if (!media) {
    throw unsupportedMediaTypeError(
      `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf`,
    );
  }
  if (media === 'protobuf') {
    const { apiVersion, kind, raw } = readEnvelope(body);
    if (kind !== what) throw badRequestError(`the body is a ${kind}, not a ${what}`);
    return { value: { ...decodeMessage(want.schema, raw), apiVersion, kind }, duplicates: [] };
  }
  const problem = media === 'json' ? "couldn't get version/kind; json parse error: " : '';
  try {
    return media === 'yaml' ? readYaml(body.toString()) : readJsonBody(body);
  } catch (err) {
    if (!(err instanceof TextError)) throw err;
    const why = `${problem}${err.message} (${summarize(body)})`;
    throw badRequestError(`the object provided is unrecognized (must be of type ${what}): ${why}`, err);
  }
}

function readJsonBody(body: Buffer): ParsedBody {
  const { value, duplicates } = readJson(body.toString());
  return { value, duplicates: duplicates.map((path) => `duplicate field "${path}"`) };
}

/** Parses a patch in JSON. */
export function parsePatch(body: Buffer, prefix = 'error decoding patch: '): ParsedBody {
  return readText(() => readJsonBody(body), prefix);
}

/** Parses the YAML of an apply. */
export function parseApply(body: Buffer): ParsedBody {
  return readText(() => readYaml(body.toString()), 'error decoding YAML: ');
}

function readText(read: () => ReadText, prefix: string): ReadText {
  try {
    return read();
  } catch (err) {
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

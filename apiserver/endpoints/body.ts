// Reading a request body: JSON or YAML text to a plain value, once, noticing keys that appear twice.
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { badRequestError, unsupportedMediaTypeError } from '../../machinery/errors.ts';
import { findDuplicateKeys, isDeeperThan, isObject } from '../../machinery/json.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';
import { decodeMessage, readEnvelope } from '../protobuf/decode.ts';

export interface ParsedBody {
  value: unknown;
  /** Texts for strict field validation: `duplicate field "spec.replicas"`. */
  duplicates: string[];
}

export type MediaType = 'json' | 'yaml' | 'protobuf';

const mediaTypes: Record<string, MediaType> = {
  '': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/apply-patch+yaml': 'yaml',
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
  const text = body.toString('utf8');
  if (media === 'yaml') return readYaml(text, what);
  return { value: readJson(text, what), duplicates: findDuplicateKeys(text).map((p) => `duplicate field "${p}"`) };
}

// Walks over objects are recursive, and nothing that people write comes near this.
export const maxDepth = 1000;

function readJson(text: string, what: string): unknown {
  const refuse = (reason: string, cause?: unknown) =>
    badRequestError(
      `the object provided is unrecognized (must be of type ${what}): couldn't get version/kind; json parse error: ${reason}`,
      cause,
    );
  if (isDeeperThan(text, maxDepth)) throw refuse('exceeded max depth');
  try {
    return JSON.parse(text);
  } catch (err) {
    throw refuse(text.trim() === '' ? 'unexpected end of JSON input' : (err as Error).message, err);
  }
}

/** YAML as kubectl's parser reads it: YAML 1.1 booleans and octals, but no dates and no base-60 numbers. */
export function readYaml(text: string, what: string): ParsedBody {
  try {
    // The parser's own look for keys that appear twice compares each with each: minutes for a large map.
    const document = parseDocument(text, {
      version: '1.1',
      uniqueKeys: false,
      customTags: (tags) => tags.filter((t) => !isSurprising(t)),
    });
    if (document.errors[0]) throw document.errors[0];
    return { value: document.toJS(), duplicates: findDuplicates(document.contents, '') };
  } catch (err) {
    throw badRequestError(`error parsing YAML of ${what}: ${(err as Error).message}`, err);
  }
}

/** Texts for the keys that a map of the document holds twice. */
function findDuplicates(node: unknown, path: string): string[] {
  if (isSeq(node)) return node.items.flatMap((item, i) => findDuplicates(item, `${path}[${i}]`));
  if (!isMap(node)) return [];
  const keys = new Set<string>();
  return node.items.flatMap(({ key, value }) => {
    const name = String(isScalar(key) ? key.value : key);
    const at = path ? `${path}.${name}` : name;
    const own = keys.has(name) && name !== '<<' ? [`duplicate field "${at}"`] : [];
    keys.add(name);
    return [...own, ...findDuplicates(value, at)];
  });
}

const surprising = [
  'tag:yaml.org,2002:timestamp',
  'tag:yaml.org,2002:set',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
];

function isSurprising(tag: unknown): boolean {
  if (!isObject(tag)) return false;
  return surprising.includes(String(tag.tag)) || tag.format === 'TIME';
}

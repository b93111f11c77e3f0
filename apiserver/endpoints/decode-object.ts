// From a request body to a draft: checks kind and version, decodes by the schema with defaults,
// reports unknown and duplicate fields as the client asked, converts to the storage version.
import { DecodeError, decodeValue, goKindOf } from '../../machinery/decode.ts';
import { badRequestError, invalidError, StatusError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import { goJson } from '../../machinery/go-json.ts';
import { goQuote } from '../../machinery/go-quote.ts';
import { isObject } from '../../machinery/json.ts';
import { TooManyValuesError } from '../../machinery/json-reader.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type ParsedBody, tooManyValues } from './body.ts';
import type { FieldValidation } from './options.ts';

interface DecodedObject {
  /** In storage version. */
  draft: KubeObject;
  warnings: string[];
}

/** Decodes an object of `kind` given in `version`. */
export function decodeObject(
  target: { kind: Kind; version: ServedVersion; body?: Buffer },
  body: ParsedBody,
  fieldValidation: FieldValidation,
  refuse?: Wanted['refuse'],
): DecodedObject {
  const { kind, version } = target;
  const { value, warnings } = decodeAs(
    {
      kind: kind.kind,
      apiVersion: apiVersionOf(version),
      schema: version.schema,
      isCustom: kind.isCustom === true,
      ...(refuse ? { refuse } : {}),
      ...(target.body && !refuse && { text: () => target.body!.toString() }),
    },
    body,
    fieldValidation,
  );
  // Of custom resources, no managed fields are none given, and those there are stay.
  if (kind.isCustom && value.metadata?.managedFields?.length === 0) delete value.metadata.managedFields;
  version.setDefaults?.(value);
  const draft = version.toStorage ? version.toStorage(value) : value;
  draft.kind = kind.kind;
  draft.apiVersion = kind.apiVersion;
  return { draft, warnings };
}

/** What a body is to be read as. */
export interface Wanted {
  kind: string;
  apiVersion: string;
  schema: ServedVersion['schema'];
  /** Custom resources are read, and refused, in a way of their own. */
  isCustom?: boolean;
  /** The body as it was sent. */
  text?(): string;
  /** The error for a value that is none, where it is not the client's own body. */
  refuse?(why: string, cause?: unknown): StatusError;
}

/** A body that is of this kind, in its first version. */
export const wantedAs = ({ kind, apiVersion, storage }: Kind): Wanted => ({ kind, apiVersion, schema: storage.schema });

/** Decodes a body by any schema with a kind and apiVersion. */
export function decodeAs(
  want: Wanted,
  body: ParsedBody,
  fieldValidation: FieldValidation,
): { value: any; warnings: string[] } {
  const { value } = body;
  const version = want.apiVersion.split('/').pop();
  const cannot = `${want.kind} in version ${JSON.stringify(version)} cannot be handled as a ${want.kind}`;
  const refuse = want.refuse ?? ((why: string, cause?: unknown) => badRequestError(`${cannot}: ${why}`, cause));
  if (!isObject(value)) throw refuse(`json: cannot unmarshal ${goKindOf(value)} into Go value of type ${want.kind}`);
  for (const field of ['apiVersion', 'kind']) checkIsText(value, field, want);
  const isPatched = want.refuse !== undefined;
  const kind = value.kind || want.kind;
  const apiVersion = value.apiVersion || (want.isCustom && !isPatched ? '' : want.apiVersion);
  if (want.isCustom && !value.kind) {
    const why = `Object 'Kind' is missing in '${want.text?.() ?? goJson(value)}'`;
    if (isPatched) throw refuse(why);
    const shown = want.text ? shorten(want.text()) : '';
    throw fieldValidation === 'Ignore' ? refuse(why) : badRequestError(`${unrecognized(want)}: ${why} (${shown})`);
  }
  const isOtherKind = kind !== want.kind;
  const isOtherVersion = apiVersion !== want.apiVersion;
  // What else a custom resource says it is is decoded, and judged with the object.
  if (want.isCustom && (isPatched ? isOtherKind || isOtherVersion : isOtherKind && !isOtherVersion)) {
    const group = want.apiVersion.split('/')[0]!;
    const name = isObject(value.metadata) ? String(value.metadata.name ?? '') : '';
    const error = isOtherKind
      ? invalid('kind', kind, `must be ${want.kind}`)
      : invalid('apiVersion', apiVersion, `must be ${want.apiVersion}`);
    throw invalidError({ group, kind: String(kind) }, name, [error]);
  }
  if (isOtherKind && !want.isCustom) {
    const why = `no kind ${JSON.stringify(kind)} is registered for this resource`;
    const what = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${want.kind}`;
    throw want.refuse?.(why) ?? badRequestError(`${what}: ${why}`);
  }
  if (isOtherVersion) {
    const why = `the API version in the data (${apiVersion}) does not match the expected API version (${want.apiVersion})`;
    throw want.refuse?.(why) ?? badRequestError(why);
  }
  try {
    // Custom resources are read without types, and judged later: there `1.0` is an integer.
    const decoded = decodeValue(want.schema, value, { literals: want.isCustom ? undefined : body.literals });
    const paths = want.isCustom ? decoded.unknownFields.sort() : decoded.unknownFields;
    const unknown = paths.map((f) => `unknown field ${goQuote(f)}`);
    const all = want.refuse || want.isCustom ? [...body.duplicates, ...unknown] : [...unknown, ...body.duplicates];
    const problems = fieldValidation === 'Ignore' ? [] : all;
    if (problems.length > 0 && fieldValidation === 'Strict')
      throw refuse(`strict decoding error: ${problems.join(', ')}`);
    return { value: decoded.value, warnings: problems.flatMap(linesOf) };
  } catch (err) {
    if (err instanceof StatusError) throw err;
    if (err instanceof DecodeError) throw refuse(want.isCustom ? ofMetadataAlone(err.message) : err.message, err);
    if (err instanceof TooManyValuesError) throw tooManyValues(err);
    throw err;
  }
}

/** What says which type an object is of is read before anything else. */
function checkIsText(value: Record<string, unknown>, field: string, want: Wanted): void {
  const given = value[field] ?? '';
  if (typeof given === 'string') return;
  const why = `json: cannot unmarshal ${goKindOf(given)} into Go struct field .${field} of type string`;
  const problem = `couldn't get version/kind; json parse error: ${why}`;
  if (want.refuse) throw want.refuse(problem);
  const shown = want.isCustom && want.text ? ` (${shorten(want.text())})` : '';
  throw badRequestError(`${unrecognized(want)}: ${problem}${shown}`);
}

const unrecognized = ({ kind }: Wanted) => `the object provided is unrecognized (must be of type ${kind})`;

/** The beginning of a body, as error texts show it. */
const shorten = (text: string) => (text.length > 30 ? `${text.slice(0, 30)} ...` : text || '<empty>');

/** Metadata of a custom resource is decoded by itself. */
const ofMetadataAlone = (message: string) =>
  message
    .replace('Go struct field ObjectMeta.metadata.', 'Go struct field ObjectMeta.')
    .replace(/Go struct field \w+\.metadata of type/, 'Go value of type');

/** A reader of YAML has several things to say in one. */
const linesOf = (problem: string): string[] =>
  problem.startsWith('yaml: unmarshal errors:\n')
    ? problem
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
    : [problem];

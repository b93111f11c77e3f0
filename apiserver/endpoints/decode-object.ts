// From a request body to a draft: checks kind and version, decodes by the schema with defaults,
// reports unknown and duplicate fields as the client asked, converts to the storage version.
import { DecodeError, decodeValue, goKindOf } from '../../machinery/decode.ts';
import { badRequestError, StatusError } from '../../machinery/errors.ts';
import { isObject } from '../../machinery/json.ts';
import { TooManyValuesError } from '../../machinery/json-reader.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type ParsedBody, tooManyValues } from './body.ts';
import type { FieldValidation } from './options.ts';

export interface DecodedObject {
  /** In storage version. */
  draft: KubeObject;
  warnings: string[];
}

/** Decodes an object of `kind` given in `version`. */
export function decodeObject(
  target: { kind: Kind; version: ServedVersion },
  body: ParsedBody,
  fieldValidation: FieldValidation,
  refuse?: Wanted['refuse'],
): DecodedObject {
  const { kind, version } = target;
  const { value, warnings } = decodeAs(
    { kind: kind.kind, apiVersion: apiVersionOf(version), schema: version.schema, ...(refuse ? { refuse } : {}) },
    body,
    fieldValidation,
  );
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
  /** The error for a value that is none, where it is not the client's own body. */
  refuse?(why: string, cause?: unknown): StatusError;
}

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
  if (!isObject(value)) {
    throw refuse(`json: cannot unmarshal ${goKindOf(value)} into Go value of type ${want.kind}`);
  }
  for (const field of ['apiVersion', 'kind']) checkIsText(value, field, want);
  const kind = value.kind || want.kind;
  const apiVersion = value.apiVersion || want.apiVersion;
  if (kind !== want.kind) {
    const why = `no kind ${JSON.stringify(kind)} is registered for this resource`;
    const what = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${want.kind}`;
    throw want.refuse?.(why) ?? badRequestError(`${what}: ${why}`);
  }
  if (apiVersion !== want.apiVersion) {
    const why = `the API version in the data (${apiVersion}) does not match the expected API version (${want.apiVersion})`;
    throw want.refuse?.(why) ?? badRequestError(why);
  }
  try {
    const decoded = decodeValue(want.schema, value);
    const unknown = decoded.unknownFields.map((f) => `unknown field "${f}"`);
    const all = want.refuse ? [...body.duplicates, ...unknown] : [...unknown, ...body.duplicates];
    const problems = fieldValidation === 'Ignore' ? [] : all;
    if (problems.length > 0 && fieldValidation === 'Strict')
      throw refuse(`strict decoding error: ${problems.join(', ')}`);
    return { value: decoded.value, warnings: problems };
  } catch (err) {
    if (err instanceof StatusError) throw err;
    if (err instanceof DecodeError) throw refuse(err.message, err);
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
  throw badRequestError(`the object provided is unrecognized (must be of type ${want.kind}): ${problem}`);
}

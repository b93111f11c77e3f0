// PATCH: JSON patch, JSON merge patch and strategic merge patch, each computed against the object
// as stored and again when it changed meanwhile. Server-side apply has not come yet and is refused.
import jsonPatch, { type Operation } from 'fast-json-patch';
import { goKindOf } from '../../machinery/decode.ts';
import { badRequestError, StatusError, unsupportedMediaTypeError } from '../../machinery/errors.ts';
import { cloneJson, isObject, writeJson } from '../../machinery/json.ts';
import { applyMergePatch } from '../../machinery/merge-patch.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { applyStrategicMerge, PatchError } from '../../machinery/strategic-merge.ts';
import { type ApiContext, breathe } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import { toVersion } from '../storage/stored-object.ts';
import { baseType, type ParsedBody, parseApply, parsePatch } from './body.ts';
import { decodeObject } from './decode-object.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { readWriteOptions } from './options.ts';
import { checkTarget } from './update.ts';

/** A patch, read: how it changes an object, and what is to be told of its text. */
interface Patch {
  /** The patched form of an object; the inputs stay as they are. */
  apply(object: KubeObject, schema: ApiRequest['version']['schema']): unknown;
  duplicates: string[];
}

const maxJsonPatchOperations = 10_000;
const maxCopiedBytes = 3 * 1024 * 1024;
const accepted = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** Reads the patch of a request by its media type. */
export function readPatch(request: ApiRequest): Patch {
  const type = baseType(request.contentType);
  if (type === 'application/json-patch+json') {
    const { value, duplicates } = parsePatch(request.body);
    return { apply: jsonPatcher(value), duplicates };
  }
  if (type === 'application/merge-patch+json') {
    const { patch, duplicates } = readPatchObject(parsePatch(request.body));
    return { apply: (object) => applyMergePatch(object, patch), duplicates };
  }
  if (type === 'application/strategic-merge-patch+json') {
    const { patch, duplicates } = readPatchObject(parsePatch(request.body));
    return { apply: (object, schema) => strategic(object, patch, schema), duplicates };
  }
  if (type === 'application/apply-patch+yaml') {
    parseApply(request);
    throw unsupportedMediaTypeError(
      'server-side apply is not supported by this version of the server; use kubectl apply without --server-side',
    );
  }
  throw unsupportedMediaTypeError(
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

function readPatchObject({ value, duplicates }: ParsedBody): { patch: Record<string, unknown>; duplicates: string[] } {
  if (isObject(value)) return { patch: value, duplicates };
  throw badRequestError(
    `error decoding patch: json: cannot unmarshal ${goKindOf(value)} into Go value of type map[string]interface {}`,
  );
}

const patchReasons = { 400: 'BadRequest', 422: '', 500: '' } as const;

function strategic(object: KubeObject, patch: unknown, schema: ApiRequest['version']['schema']): unknown {
  try {
    return applyStrategicMerge(object, patch, schema);
  } catch (err) {
    if (err instanceof PatchError) throw new StatusError(err.code, patchReasons[err.code], err.message, { cause: err });
    throw err;
  }
}

function jsonPatcher(patch: unknown): Patch['apply'] {
  if (!Array.isArray(patch)) {
    const given = goKindOf(patch);
    throw badRequestError(
      `error decoding patch: json: cannot unmarshal ${given} into Go value of type jsonpatch.Patch`,
    );
  }
  if (patch.length > maxJsonPatchOperations) {
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${patch.length}`,
    );
  }
  return (object) => {
    try {
      return applyOperations(object, patch as Operation[]);
    } catch (err) {
      if (!(err instanceof jsonPatch.JsonPatchError) && !(err instanceof TypeError)) throw err;
      const message = 'the server rejected our request due to an error in our request';
      throw new StatusError(422, 'Invalid', message, { details: {}, cause: err });
    }
  };
}

/** Copies can double an object with every operation, so what they copy is counted. Inputs stay as they are. */
function applyOperations(object: KubeObject, patch: readonly Operation[]): unknown {
  let document: unknown = cloneJson(object);
  let copiedBytes = 0;
  // The values of a patch become part of the document, where later operations change them: each try gets its own.
  for (const [i, operation] of cloneJson(patch).entries()) {
    if (operation?.op === 'copy') {
      const copied = writeJson(jsonPatch.getValueByPointer(document, operation.from));
      copiedBytes += copied?.length ?? 0;
      if (copiedBytes > maxCopiedBytes) throw new TypeError(`operation ${i} copies too much`);
    }
    document = jsonPatch.applyOperation(document, operation, true, true, true, i).newDocument;
  }
  return document;
}

export async function handlePatch(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, version, info } = request;
  const options = readWriteOptions(request, 'PatchOptions');
  const patch = readPatch(request);
  let warnings: string[] = [];
  const produce = async (old: KubeObject, isLarge: boolean): Promise<KubeObject> => {
    const patched = patch.apply(toVersion(old, kind, version), version.schema);
    if (isLarge) await breathe();
    const decoded = decodeObject(request, { value: patched, duplicates: patch.duplicates }, options.fieldValidation);
    checkTarget(decoded.draft, info);
    warnings = [...decoded.warnings, ...(kind.warnings?.(decoded.draft, old) ?? [])];
    return decoded.draft;
  };
  const { namespace, name, subresource } = info;
  const stored = await updateObject(context, kind, { namespace, name, subresource, produce }, options);
  return { type: 'object', stored, code: 200, warnings: [...warnings, ...options.warnings] };
}

// PATCH: JSON patch, JSON merge patch and strategic merge patch, each computed against the object
// as stored and again when it changed meanwhile. Server-side apply is in apply.ts.

import jsonPatch, { type Operation } from 'fast-json-patch';
import { goKindOf } from '../../machinery/decode.ts';
import { badRequestError, StatusError, unsupportedMediaTypeError } from '../../machinery/errors.ts';
import { causeReasons, invalid } from '../../machinery/field-error.ts';
import { goJson, sortKeys } from '../../machinery/go-json.ts';
import { goQuote } from '../../machinery/go-quote.ts';
import { isObject } from '../../machinery/json.ts';
import { jsonPatchInSteps } from '../../machinery/json-patch.ts';
import { mergePatchInSteps } from '../../machinery/merge-patch.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { Steps } from '../../machinery/steps.ts';
import { PatchError, showGo, strategicMergeInSteps } from '../../machinery/strategic-merge.ts';
import type { ApiContext } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import { toVersion } from '../storage/stored-object.ts';
import { breathe, stepwise } from '../turns.ts';
import { handleApply } from './apply.ts';
import { applyType, baseType, type ParsedBody, parsePatch } from './body.ts';
import { decodeObject } from './decode-object.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { readWriteOptions } from './options.ts';
import { checkTarget } from './update.ts';

/** A patch, read: how it changes an object, and what is to be told of its text. */
interface Patch {
  /** Makes the patched form of an object; the inputs stay as they are. */
  apply(object: KubeObject, schema: ApiRequest['version']['schema']): Steps<unknown>;
  /** Fields that come twice or mean nothing. */
  problems: string[];
  /** Numbers as they are written, by their places in the object. */
  literals?: ParsedBody['literals'];
  /** What a refusal shows of it, and says for a value that does not fit. */
  show(patched: unknown): string;
  explain(why: string): string;
}

const maxJsonPatchOperations = 10_000;
const strategicType = 'application/strategic-merge-patch+json';
const accepted = ['application/json-patch+json', 'application/merge-patch+json', applyType];

/** Reads the patch of a request by its media type. */
export function readPatch(request: ApiRequest): Patch {
  const type = baseType(request.contentType);
  // A custom resource is a map, whose keys are in order.
  const isMap = request.kind.isCustom && request.info.subresource !== 'scale';
  const show = (patched: unknown) => goJson(isMap ? sortKeys(patched) : patched);
  const asJson = { show, explain: (why: string) => why };
  if (type === 'application/json-patch+json') {
    const { value, duplicates } = parsePatch(request);
    const problems = [...duplicates, ...unknownFieldsOf(value)].map((problem) => `json patch ${problem}`);
    return { apply: jsonPatcher(value), problems, ...asJson };
  }
  if (type === 'application/merge-patch+json') {
    const body = parsePatch(request);
    const { patch, problems } = readPatchObject(body, 'error decoding patch: ');
    const { literals } = body;
    return { apply: (object) => mergePatchInSteps(object, patch), problems, ...(literals && { literals }), ...asJson };
  }
  // Custom resources have no such patch.
  if (type === strategicType && !request.kind.isCustom) {
    const { value, duplicates } = parsePatch(request, '');
    // To it null is as good as an empty one; a merge patch of null is none.
    const { patch, problems } = readPatchObject({ value: value ?? {}, duplicates }, '');
    const apply: Patch['apply'] = (object, schema) => strategic(object, patch, schema);
    return { apply, problems, show: () => showGo(patch), explain: explainConversion };
  }
  // Of what is built in upstream's router refuses it.
  if (!request.kind.isCustom)
    throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  throw unsupportedMediaTypeError(
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

function readPatchObject({ value, duplicates }: ParsedBody, prefix: string) {
  if (isObject(value)) return { patch: value, problems: duplicates };
  if (value === null) throw badRequestError('Invalid JSON Patch');
  const given = goKindOf(value);
  throw badRequestError(`${prefix}json: cannot unmarshal ${given} into Go value of type map[string]interface {}`);
}

const operationFields = new Set(['op', 'path', 'from', 'value']);

function unknownFieldsOf(operations: unknown): string[] {
  if (!Array.isArray(operations)) return [];
  return operations.flatMap((operation, i) =>
    isObject(operation)
      ? Object.keys(operation).flatMap((key) =>
          operationFields.has(key) ? [] : [`unknown field ${goQuote(`[${i}].${key}`)}`],
        )
      : [],
  );
}

const goKinds: Record<string, string> = { object: 'map', array: 'slice', number: 'int64' };

/** Why a value does not fit, as the conversion from maps says it, which strategic merge patches go through. */
function explainConversion(why: string): string {
  const [, given, type] = /^json: cannot unmarshal (\w+) .* of type (.+)$/.exec(why) ?? [];
  if (given === undefined || type === undefined) return why;
  const kind = goKinds[given] ?? given;
  if (type.startsWith('map[')) return `cannot restore map from ${kind}`;
  if (type.startsWith('[]')) return `cannot restore slice from ${kind}`;
  if (type === 'string' && given === 'number') return 'cannot convert int64 to string';
  return /^(string|bool|int32|int64|float64)$/.test(type)
    ? `unrecognized type: ${type}`
    : `cannot restore struct from: ${kind}`;
}

const patchReasons = { 400: 'BadRequest', 422: '', 500: '' } as const;

function* strategic(object: KubeObject, patch: unknown, schema: ApiRequest['version']['schema']) {
  try {
    const merged = (yield* strategicMergeInSteps(object, patch, schema)) as Record<string, unknown>;
    // It is converted by fields, not decoded: what the patch calls the object makes no other kind of it.
    const named = (['apiVersion', 'kind'] as const).filter((key) => typeof merged[key] === 'string');
    return { ...merged, ...Object.fromEntries(named.map((key) => [key, object[key]])) };
  } catch (err) {
    if (err instanceof PatchError) throw new StatusError(err.code, patchReasons[err.code], err.message, { cause: err });
    throw err;
  }
}

function jsonPatcher(given: unknown): Patch['apply'] {
  const refuse = (value: unknown, type: string) =>
    badRequestError(`error decoding patch: json: cannot unmarshal ${goKindOf(value)} into Go value of type ${type}`);
  const patch = given ?? [];
  if (!Array.isArray(patch)) throw refuse(patch, '[]handlers.jsonPatchOp');
  const wrong = patch.find((operation) => operation !== null && !isObject(operation));
  if (wrong !== undefined) throw refuse(wrong, 'handlers.jsonPatchOp');
  for (const operation of patch) checkOperation(operation);
  if (patch.length > maxJsonPatchOperations) {
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${patch.length}`,
    );
  }
  return function* (object) {
    try {
      return yield* jsonPatchInSteps(object, patch as Operation[]);
    } catch (err) {
      if (!(err instanceof jsonPatch.JsonPatchError) && !(err instanceof TypeError)) throw err;
      const message = 'the server rejected our request due to an error in our request';
      throw new StatusError(422, 'Invalid', message, { details: {}, cause: err });
    }
  };
}

/** What is no operation at all fails when it is applied; this is what cannot be read as one. */
function checkOperation(given: unknown): void {
  const operation = (given ?? {}) as Record<string, unknown>;
  for (const field of ['op', 'path', 'from']) {
    const value = operation[field] ?? '';
    if (typeof value === 'string') continue;
    const why = `json: cannot unmarshal ${goKindOf(value)} into Go struct field jsonPatchOp.${field} of type string`;
    throw badRequestError(`error decoding patch: ${why}`);
  }
}

export async function handlePatch(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, version, info } = request;
  const options = readWriteOptions(request, 'PatchOptions');
  if (baseType(request.contentType) === applyType) return handleApply(context, request, options);
  const patch = readPatch(request);
  const produce = async (old: KubeObject, isLarge: boolean): Promise<KubeObject> => {
    const steps = patch.apply(toVersion(old, kind, version), version.schema);
    const patched = await stepwise(steps, isLarge, context.clock);
    if (isLarge) await breathe();
    const refuse = (why: string, cause?: unknown) => refusal(patch.show(patched), patch.explain(why), cause);
    const { problems: duplicates, literals } = patch;
    const body = { value: patched, duplicates, ...(literals && { literals }) };
    const decoded = decodeObject(request, body, options.fieldValidation, refuse);
    request.warnings.push(...decoded.warnings);
    checkTarget(decoded.draft, info);
    return decoded.draft;
  };
  const { namespace, name, subresource } = info;
  const stored = await updateObject(
    context,
    kind,
    { namespace, name, subresource, produce, uidMayDiffer: true },
    options,
  );
  return { type: 'object', stored, code: 200 };
}

/** The patch makes something of the object that it cannot be. */
export function refusal(shown: string, why: string, cause?: unknown): StatusError {
  const error = invalid('patch', shown, why);
  const causes = [{ reason: causeReasons.Invalid, message: error.detail, field: error.field }];
  return new StatusError(422, 'Invalid', ` "" is invalid: patch: ${error.detail}`, { details: { causes }, cause });
}

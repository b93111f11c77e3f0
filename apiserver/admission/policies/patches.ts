// What a mutating policy's expressions give, laid over an object. Upstream: apiserver's
// admission/plugin/policy/mutating/patch.
import jsonPatch, { type Operation } from 'fast-json-patch';
import { CelError } from '../../../machinery/cel/errors.ts';
import { toJson } from '../../../machinery/cel/json-values.ts';
import { checkTypeNames } from '../../../machinery/cel/lib/patches.ts';
import { CelList, CelObject, type Value } from '../../../machinery/cel/values.ts';
import { checkFields } from '../../../machinery/field-management/check.ts';
import { fieldSchema, itemSchema, type MaybeSchema, shapeOf } from '../../../machinery/field-management/element.ts';
import { mergeFields } from '../../../machinery/field-management/merge.ts';
import { isObject } from '../../../machinery/json.ts';
import { applyJsonPatch } from '../../../machinery/json-patch.ts';
import type { KubeObject } from '../../../machinery/metadata.ts';

/** The change cannot be made; the message says why. */
export class MutationError extends Error {}

/** The object with what `made` (`Object{...}`) says laid over it, as server-side apply merges. Throws MutationError. */
export function applyConfiguration(object: KubeObject, made: Value, schema: MaybeSchema): unknown {
  checkNames(made);
  const { kind, apiVersion } = object;
  const config = { ...(toJson(made) as object), kind, apiVersion };
  const refuse = (why: string) => new MutationError(`error applying patch: ${why}`);
  const wrong = checkFields(config, schema);
  if (wrong) throw refuse(`failed to convert patch object to typed object: ${wrong}`);
  const whole = findWhole(config, schema, '');
  if (whole.length > 0) {
    const why = `may not mutate atomic arrays, maps or structs: ${whole.join(', ')}`;
    throw refuse(`invalid ApplyConfiguration: ${why}`);
  }
  return mergeFields(object, config, schema);
}

/** Paths of what would be replaced as a whole: fields that the policy does not name would go with it. */
function findWhole(value: unknown, schema: MaybeSchema, path: string): string[] {
  const isList = Array.isArray(value);
  if (!schema || schema.type === 'any' || !(isList || isObject(value))) return [];
  const own = shapeOf(schema, value) === 'whole' ? [path] : [];
  const below = isList
    ? value.flatMap((item, i) => findWhole(item, itemSchema(schema), `${path}[${i}]`))
    : schema.type === 'object'
      ? Object.entries(value).flatMap(([name, child]) => findWhole(child, fieldSchema(schema, name), `${path}.${name}`))
      : [];
  return [...own, ...below];
}

/** The object with the operations of `made` (a list of `JSONPatch{...}`) carried out. Throws MutationError. */
export function applyOperations(object: KubeObject, made: Value): unknown {
  if (!(made instanceof CelList)) {
    throw new MutationError('type mismatch: JSONPatchType.expression should evaluate to array');
  }
  const operations = Array.from({ length: made.size }, (_, i) => readOperation(made.at(i)));
  try {
    return applyJsonPatch(object, operations);
  } catch (err) {
    if (err instanceof jsonPatch.JsonPatchError && err.name === 'TEST_OPERATION_FAILED') return object;
    if (!(err instanceof jsonPatch.JsonPatchError) && !(err instanceof TypeError)) throw err;
    throw new MutationError(`JSONPath: ${err.message.split('\n')[0]}`);
  }
}

function readOperation(made: Value): Operation {
  if (!(made instanceof CelObject)) {
    throw new MutationError('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch');
  }
  const value = made.get('value');
  if (value !== undefined) checkNames(value);
  const text = (field: string) => (made.get(field) as string | undefined) ?? '';
  const from = text('from');
  const operation = { op: text('op'), path: text('path'), ...(from && { from }) };
  return { ...operation, ...(value !== undefined && { value: toJson(value) }) } as Operation;
}

function checkNames(value: Value): void {
  try {
    checkTypeNames(value);
  } catch (err) {
    if (err instanceof CelError) throw new MutationError(err.message);
    throw err;
  }
}

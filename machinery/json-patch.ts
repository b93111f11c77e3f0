// JSON patches, bounded. RFC 6902.
import jsonPatch, { type Operation, type Validator } from 'fast-json-patch';
import { cloneJson, writeJson } from './json.ts';
import { finish, type Steps } from './steps.ts';

const maxCopiedBytes = 3 * 1024 * 1024;
const maxMovedItems = 1_000_000_000;

function listOf(document: unknown, path: string): unknown[] | undefined {
  let list: any = document;
  for (const key of path.split('/').slice(1, -1)) list = list?.[jsonPatch.unescapePathComponent(key)];
  return Array.isArray(list) ? list : undefined;
}

/** The path with a last index that counts from the end of its list, `-1`, as one from its beginning. */
function fromEnd(document: unknown, { op, path }: Operation): string {
  const [, head, back] = /^(.*\/)-(\d+)$/.exec(path) ?? [];
  const list = back === undefined ? undefined : listOf(document, path);
  return list ? `${head}${list.length + (op === 'add' ? 1 : 0) - Number(back)}` : path;
}

/** How many items come to another place where one is put into a list, or taken out of it. */
function movedBy(document: unknown, { path }: Operation): number {
  if (typeof path !== 'string') return 0;
  return listOf(document, path)?.length ?? 0;
}

/** The library looks for where a value is moved or copied from in a copy of the whole document: that is found out here. */
const check: Validator<unknown> = (operation, index, document, existing) => {
  const isTransfer = operation?.op === 'move' || operation?.op === 'copy';
  jsonPatch.validator(operation, index, isTransfer ? undefined : document, existing);
};

/**
 * The patched form of an object; the inputs stay as they are. Copies can double an object with every operation, and each
 * can move a long list, so that is counted. Throws JsonPatchError or TypeError.
 */
export function* jsonPatchInSteps(object: object, patch: readonly Operation[]): Steps<unknown> {
  let document: unknown = cloneJson(object);
  let copiedBytes = 0;
  let movedItems = 0;
  // The values of a patch become part of the document, where later operations change them: each try gets its own.
  for (const [i, given] of patch.entries()) {
    yield;
    const operation = cloneJson(given);
    // Upstream's library adds nothing in the place of the whole.
    if (operation?.op === 'add' && operation.path === '') throw new TypeError(`operation ${i} adds to nothing`);
    // To it what is not there is null.
    const isNull = operation?.op === 'test' && (operation.value ?? null) === null;
    if (isNull && jsonPatch.getValueByPointer(document, operation.path) === undefined) continue;
    if (operation?.op === 'copy' || operation?.op === 'move') {
      const value = jsonPatch.getValueByPointer(document, operation.from);
      if (value === undefined) throw new TypeError(`operation ${i} takes what is not there`);
      if (operation.op === 'copy') copiedBytes += writeJson(value).length;
      if (copiedBytes > maxCopiedBytes) throw new TypeError(`operation ${i} copies too much`);
    }
    if (operation) {
      movedItems += movedBy(document, operation);
      operation.path = fromEnd(document, operation);
    }
    if (movedItems > maxMovedItems) throw new TypeError(`operation ${i} moves too much`);
    document = jsonPatch.applyOperation(document, operation, check, true, true, i).newDocument;
  }
  return document;
}

/** The same at once. */
export const applyJsonPatch = (object: object, patch: readonly Operation[]): unknown =>
  finish(jsonPatchInSteps(object, patch));

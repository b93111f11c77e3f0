// JSON patches, bounded. RFC 6902.
import jsonPatch, { type Operation } from 'fast-json-patch';
import { cloneJson, writeJson } from './json.ts';

const maxCopiedBytes = 3 * 1024 * 1024;

/**
 * The patched form of an object; the inputs stay as they are. Copies can double an object with every operation, so what
 * they copy is counted. Throws JsonPatchError or TypeError.
 */
export function applyJsonPatch(object: object, patch: readonly Operation[]): unknown {
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

// Objects of a kind as they would be kept, and what its rules say of them, for tests beside the kinds.
import assert from 'node:assert/strict';
import { decodeValue } from '../../machinery/decode.ts';
import type { FieldError } from '../../machinery/field-error.ts';
import { cloneJson, deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';

export const nowMs = Date.parse('2026-01-01T00:10:00Z');
const born = { creationTimestamp: '2026-01-01T00:00:00Z', uid: '00000000-0000-4000-8000-000000000000' };

/** A new object: decoded in its stored version, with defaults, prepared. */
export function makeObject(kind: Kind, body: any): any {
  const draft = decodeValue(kind.storage.schema, { ...body, metadata: { name: 'x', ...body.metadata } }).value;
  kind.storage.setDefaults?.(draft);
  Object.assign(draft.metadata, born);
  kind.prepareForCreate?.(draft, { nowMs });
  return draft;
}

export const shownErrors = (errors: readonly FieldError[] | undefined): string[] =>
  (errors ?? []).map((e) => `${e.field}: ${e.detail}`);

/** What is wrong with a new object. */
export function createRefusals(kind: Kind, body: object): string[] {
  return shownErrors(kind.validate?.(deepFreeze(makeObject(kind, body))));
}

/** The errors are these, line by line: as a text, or by an expression. */
export function assertLines(found: readonly string[], want: readonly (string | RegExp)[]): void {
  assert.equal(found.length, want.length, found.join('\n'));
  for (const [i, line] of want.entries()) {
    if (typeof line === 'string') assert.equal(found[i], line);
    else assert.match(found[i]!, line);
  }
}

/** What is wrong with a change of an object; `oldStatus` is what it has by then. */
export function updateRefusals(kind: Kind, body: object, change: (next: any) => void, oldStatus?: object): string[] {
  const old = makeObject(kind, body);
  if (oldStatus) old.status = oldStatus;
  const next = cloneJson(old);
  change(next);
  kind.prepareForUpdate?.(next, deepFreeze(old), { nowMs });
  return shownErrors([...(kind.validate?.(deepFreeze(next), old) ?? []), ...(kind.validateUpdate?.(next, old) ?? [])]);
}

/** What is wrong with a status. */
export function statusRefusals(kind: Kind, body: object, status: object, oldStatus: object = {}): string[] {
  const old = deepFreeze({ ...makeObject(kind, body), status: oldStatus });
  return shownErrors(kind.validateStatusUpdate?.({ ...old, status }, old));
}

/** The cells of its columns, ten minutes after it was made. */
export const cellsOf = (kind: Kind, object: any): unknown[] =>
  kind.columns!.map((column) =>
    column.cell(deepFreeze({ ...object, metadata: { name: 'x', ...born, ...object.metadata } }), { nowMs }),
  );

/** What is wrong with one body in the place of another. */
export function changeRefusals(kind: Kind, from: object, to: object): string[] {
  const [old, next] = [makeObject(kind, from), makeObject(kind, to)].map(deepFreeze);
  return shownErrors([...(kind.validate?.(next, old) ?? []), ...(kind.validateUpdate?.(next, old) ?? [])]);
}

/** The cells of an object as it was sent. */
export function cellsOfBody(kind: Kind, body: any): unknown[] {
  return cellsOf(kind, decodeValue(kind.storage.schema, { metadata: {}, ...body }).value);
}

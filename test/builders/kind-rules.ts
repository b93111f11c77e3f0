// The rules of a kind as unit tests ask for them: what is refused, what may not change, what is shown.
import { decodeValue } from '../../machinery/decode.ts';
import { deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';

const nowMs = Date.parse('2026-01-01T00:10:00Z');
const metadata = { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' };

/** A new object as it would be kept, ten minutes old. */
export function makeObject(kind: Kind, body: object): any {
  const draft = decodeValue(kind.storage.schema, { metadata, ...body }).value;
  kind.storage.setDefaults?.(draft);
  kind.prepareForCreate?.(draft, { nowMs });
  return draft;
}

const shown = (errors: readonly { field: string; detail: string }[] | undefined) =>
  (errors ?? []).map((e) => `${e.field}: ${e.detail}`);

/** Why a new object is refused, a line each. */
export function refusals(kind: Kind, body: object): string[] {
  const object = deepFreeze(makeObject(kind, body));
  return [...shown(kind.validate?.(object)), ...shown(kind.validateCreate?.(object))];
}

/** Why a change from one body to another is refused. */
export function updateRefusals(kind: Kind, from: object, to: object): string[] {
  const [old, next] = [makeObject(kind, from), makeObject(kind, to)].map(deepFreeze);
  return [...shown(kind.validate?.(next)), ...shown(kind.validateUpdate?.(next, old))];
}

/** What `kubectl get -o wide` shows behind the name. */
export function cellsOf(kind: Kind, body: object): unknown[] {
  const object = deepFreeze(decodeValue(kind.storage.schema, { metadata, ...body }).value);
  return kind.columns!.map((column) => column.cell(object, { nowMs }));
}

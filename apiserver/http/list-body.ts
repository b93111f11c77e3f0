// The JSON of a list: the items' own bytes, one after the other. What was joined last is kept while memory allows: who
// lists again what has not changed, as everybody does who comes back at once, gets the same bytes, and where only the
// revision of the list is another one, the items are copied in one piece.
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { StoredObject } from '../storage/stored-object.ts';

export interface ListForm {
  kind: Kind;
  version: ServedVersion;
}

interface Joined {
  items: readonly StoredObject[];
  head: string;
  body: Buffer;
}

/** Shorter lists are joined faster than compared. */
const worthKeepingBytes = 64 * 1024;
const listEnd = ']}\n';
const openBrace = 0x7b;
const comma = 0x2c;

const lastOf = new WeakMap<ServedVersion, WeakRef<Joined>>();

const headOf = (metadata: object, { kind, version }: ListForm) =>
  `${JSON.stringify({ kind: kind.listKind, apiVersion: apiVersionOf(version), metadata }).slice(0, -1)},"items":[`;

const isSameList = (a: readonly StoredObject[], b: readonly StoredObject[]) =>
  a.length === b.length && a.every((stored, i) => stored === b[i]);

/** The bytes of the same list, where they are still there. */
export function knownList(items: readonly StoredObject[], metadata: object, form: ListForm): Buffer | undefined {
  const known = lastOf.get(form.version)?.deref();
  if (!known || !isSameList(known.items, items)) return undefined;
  const head = headOf(metadata, form);
  if (known.head === head) return known.body;
  const rest = known.body.subarray(Buffer.byteLength(known.head));
  return keep(form, { items, head, body: Buffer.concat([Buffer.from(head), rest]) });
}

/** The list as the items' own bytes; within a list, items do not repeat their kind and apiVersion. */
export function joinList(items: readonly StoredObject[], metadata: object, form: ListForm): Buffer {
  const { kind, version } = form;
  const typeLength = Buffer.byteLength(`{"kind":"${kind.kind}","apiVersion":"${apiVersionOf(version)}",`);
  const head = headOf(metadata, form);
  // Each item has a brace of its own and a comma, but for the last.
  let size = Buffer.byteLength(head) + listEnd.length + Math.max(0, 2 * items.length - 1);
  for (const stored of items) size += stored.bytes(kind, version).length - typeLength;
  const body = Buffer.allocUnsafe(size);
  let at = body.write(head);
  for (const [i, stored] of items.entries()) {
    if (i > 0) body[at++] = comma;
    body[at++] = openBrace;
    at += stored.bytes(kind, version).copy(body, at, typeLength);
  }
  body.write(listEnd, at);
  return keep(form, { items, head, body });
}

function keep({ version }: ListForm, joined: Joined): Buffer {
  if (joined.body.length >= worthKeepingBytes) lastOf.set(version, new WeakRef(joined));
  return joined.body;
}

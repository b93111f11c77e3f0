// Writes of the server itself.
import { unlessThere } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { decodeObject } from '../endpoints/decode-object.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { createObject } from '../registry/create.ts';

/** Creates an object unless it is there. */
export async function createIfAbsent(
  context: ApiContext,
  group: string,
  object: KubeObject & { kind: string },
): Promise<void> {
  const kind = context.kinds.kind(group, object.kind);
  const body = { value: { ...object, apiVersion: kind.apiVersion }, duplicates: [] };
  const { draft } = decodeObject({ kind, version: kind.storage }, body, 'Strict');
  const target = { draft, namespace: object.metadata.namespace ?? '' };
  await unlessThere(createObject(context, kind, target, writeAs(kind)));
}

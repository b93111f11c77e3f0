// Writes of the server itself.
import { isAlreadyExists } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { loopbackUser } from '../authn/user.ts';
import { decodeObject } from '../endpoints/decode-object.ts';
import type { ApiContext, WriteOptions } from '../registry/context.ts';
import { createObject } from '../registry/create.ts';

export function writeAs(kind: Kind): WriteOptions {
  const { apiVersion } = kind;
  return { user: loopbackUser, dryRun: false, fieldManager: 'kube-apiserver', apiVersion, warnings: [] };
}

/** Creates an object unless it is there. */
export async function createIfAbsent(
  context: ApiContext,
  group: string,
  object: KubeObject & { kind: string },
): Promise<void> {
  const kind = context.kinds.kind(group, object.kind);
  const body = { value: { ...object, apiVersion: kind.apiVersion }, duplicates: [] };
  const { draft } = decodeObject({ kind, version: kind.storage }, body, 'Strict');
  try {
    await createObject(context, kind, { draft, namespace: object.metadata.namespace ?? '' }, writeAs(kind));
  } catch (err) {
    if (!isAlreadyExists(err)) throw err;
  }
}

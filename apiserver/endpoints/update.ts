// PUT on an object or its status.

import { badRequestError, isNotFound } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { ApiContext } from '../registry/context.ts';
import { createObject } from '../registry/create.ts';
import { keepOwnersOnce } from '../registry/owners.ts';
import { placeIn } from '../registry/prepare.ts';
import { uidConflict, updateObject } from '../registry/update.ts';
import { storageKey } from '../storage/stored-object.ts';
import { breathe } from '../turns.ts';
import { parseBody } from './body.ts';
import { decodeObject } from './decode-object.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { readWriteOptions } from './options.ts';

export async function handleUpdate(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, info } = request;
  const options = readWriteOptions(request, 'UpdateOptions');
  const body = parseBody(request, { kind: kind.kind, schema: request.version.schema });
  if (options.isLarge) await breathe();
  const { draft, warnings } = decodeObject(request, body, options.fieldValidation);
  request.warnings.push(...warnings);
  if (options.isLarge) await breathe();
  checkTarget(draft, info);
  keepOwnersOnce(draft.metadata, options.warnings);
  const { namespace, name, subresource } = info;
  // Each try starts from what was sent, because preparation changes the draft.
  const produce = () => cloneJson(draft);
  try {
    const stored = await updateObject(context, kind, { namespace, name, subresource, produce }, options);
    return { type: 'object', stored, code: 200 };
  } catch (err) {
    const { uid } = draft.metadata;
    if (isNotFound(err) && uid) throw uidConflict(kind, { key: storageKey(kind, namespace, name), name, uid });
    if (!isNotFound(err) || !kind.allowCreateOnUpdate || subresource !== '') throw err;
    await request.authorize('create');
    delete draft.metadata.resourceVersion;
    const stored = await createObject(context, kind, { draft, namespace }, options);
    return { type: 'object', stored, code: 201 };
  }
}

/** The object must be the one that the URL names. */
export function checkTarget(draft: KubeObject, target: { namespace: string; name: string }): void {
  const meta = draft.metadata;
  placeIn(meta, target.namespace);
  if (!meta.name) {
    const what = `the name of the object (${target.name} based on URL) was undeterminable`;
    throw badRequestError(`${what}: name must be provided`);
  }
  if (meta.name !== target.name)
    throw badRequestError(`the name of the object (${meta.name}) does not match the name on the URL (${target.name})`);
}

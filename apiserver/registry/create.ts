// Creating an object: identity, managedFields, admission, the kind's preparation, validation,
// storage - in Kubernetes' order.

import { alreadyExistsError, forbiddenError, isAlreadyExists, StatusError } from '../../machinery/errors.ts';
import { append } from '../../machinery/field-error.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject, ManagedFieldsEntry } from '../../machinery/metadata.ts';
import { EtcdTooLargeError } from '../storage/etcd.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { StoredObject, storageKey } from '../storage/stored-object.ts';
import { breathe } from '../turns.ts';
import { admissionRequest } from './admission-request.ts';
import type { ApiContext, WriteOptions } from './context.ts';
import { recordFields, setManagers } from './field-versions.ts';
import { afterMutation, keepOwnersOnce } from './owners.ts';
import { checkCreate, prepareCreate, prepareIdentity } from './prepare.ts';
import { RequestEnd, refuseGone } from './request-end.ts';
import { checkStorable } from './size.ts';

interface CreateTarget {
  draft: KubeObject;
  namespace: string;
  /** Who manages its fields, where that is known already. */
  managedFields?: ManagedFieldsEntry[];
}

const maxGeneratedNames = 8;

/** Stores `draft` (storage version, owned by the caller's request) and returns it as stored. */
export async function createObject(
  context: ApiContext,
  kind: Kind,
  target: CreateTarget,
  options: WriteOptions,
): Promise<StoredObject> {
  const { draft } = target;
  if (draft.metadata.name || !draft.metadata.generateName) return createOnce(context, kind, target, options);
  // A generated name that is taken is not the client's fault: another one is tried.
  for (let tries = 1; ; tries++) {
    try {
      return await createOnce(context, kind, { ...target, draft: cloneJson(draft) }, options);
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
      if (tries < maxGeneratedNames) continue;
      const { message, details } = err as StatusError;
      const why = `${message}, the server was not able to generate a unique name for the object`;
      throw new StatusError(409, 'AlreadyExists', why, { details: { ...details, retryAfterSeconds: 1 }, cause: err });
    }
  }
}

async function createOnce(
  context: ApiContext,
  kind: Kind,
  target: CreateTarget,
  options: WriteOptions,
): Promise<StoredObject> {
  const { draft, namespace } = target;
  const nowMs = context.clock.now();
  // Refusals name what the client sent: with a generated name every one would read differently, and
  // events of it would not add up.
  if (options.isLarge) checkStorable(draft, kind.storage.schema);
  const sentName = draft.metadata.name || draft.metadata.generateName || '';
  prepareIdentity(kind, draft, namespace, { nowMs, random: context.random });
  keepOwnersOnce(draft.metadata, options.warnings);
  // What admission adds is nobody's.
  if (target.managedFields) setManagers(draft, target.managedFields);
  else await recordFields(context, kind, { old: undefined, draft, subresource: '', options });
  const end = new RequestEnd();
  const write = { operation: 'CREATE', kind, namespace, name: sentName, object: draft } as const;
  const request = admissionRequest({ ...write, options }, end);
  try {
    if (kind.isEnding) {
      const why = 'create not allowed while custom resource definition is terminating';
      throw forbiddenError(groupResourceOf(kind), sentName, why);
    }
    await context.admission.mutate(request);
    keepOwnersOnce(draft.metadata, options.warnings, afterMutation);
    if (options.isLarge) await breathe();
    prepareCreate(kind, draft, { nowMs, random: context.random, user: options.user });
    if (options.isLarge) await breathe();
    checkCreate(kind, draft, options.apiVersion);
    kind.canonicalize?.(draft);
    append(options.warnings, kind.warnings?.(draft) ?? []);
    if (options.isLarge) await breathe();
    await context.admission.validate(request);
    if (options.dryRun) return await dryRun(context, kind, draft);
    if (options.isLarge) await breathe();
    refuseGone(options);
    const stored = await store(context, kind, draft);
    end.stored();
    return stored;
  } catch (err) {
    end.failed(err);
    throw err;
  } finally {
    await end.tell();
  }
}

/** What has no room with its managedFields is kept without them. */
async function store(context: ApiContext, kind: Kind, draft: KubeObject): Promise<StoredObject> {
  try {
    return await context.store.create(kind, draft);
  } catch (err) {
    if (!(err instanceof EtcdTooLargeError) || !draft.metadata.managedFields) throw err;
    const { managedFields: _, ...metadata } = draft.metadata;
    return context.store.create(kind, { ...draft, metadata });
  }
}

async function dryRun(context: ApiContext, kind: Kind, draft: KubeObject): Promise<StoredObject> {
  const { namespace = '', name = '' } = draft.metadata;
  if (await context.store.read(kind, namespace, name)) throw alreadyExistsError(groupResourceOf(kind), name);
  return new StoredObject(storageKey(kind, namespace, name), draft, 0);
}

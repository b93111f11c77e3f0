// Deleting an object: preconditions, grace, finalizers and propagation decide whether it goes now,
// later, or by somebody else's hand.
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and the generic registry store's Delete.

import { conflictError, notFoundError } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { StoredObject } from '../storage/stored-object.ts';
import { admissionRequest } from './admission-request.ts';
import type { ApiContext, WriteOptions } from './context.ts';
import { RequestEnd, refuseGone } from './request-end.ts';
import { mayGo } from './update.ts';

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: string;
  orphanDependents?: boolean;
}

interface DeleteOutcome {
  stored: StoredObject;
  /** False when the object stays for now, marked as being deleted. */
  gone: boolean;
}

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';
const maxTries = 8;

interface DeleteTarget {
  namespace: string;
  name: string;
  options: DeleteOptions;
}

/** Deletes, or marks for deletion, one object. */
export async function deleteObject(
  context: ApiContext,
  kind: Kind,
  target: DeleteTarget,
  write: WriteOptions,
): Promise<DeleteOutcome> {
  const end = new RequestEnd();
  try {
    const outcome = await runDelete(context, kind, target, write, end);
    if (!write.dryRun) end.stored(outcome.gone ? outcome.stored.object : undefined);
    return outcome;
  } catch (err) {
    end.failed(err);
    throw err;
  } finally {
    await end.tell();
  }
}

async function runDelete(
  context: ApiContext,
  kind: Kind,
  target: DeleteTarget,
  write: WriteOptions,
  end: RequestEnd,
): Promise<DeleteOutcome> {
  const { namespace, name, options } = target;
  let current = await context.store.look(kind, namespace, name);
  // What the cache has may be old, even another object of that name: nothing is refused or left alone because of it.
  let fresh = false;
  const reread = async () => {
    fresh = true;
    return context.store.read(kind, namespace, name);
  };
  const admission = deletionAdmission(context, kind, target, { options: write, end });
  let marked: StoredObject | undefined;
  for (let tries = 0; ; tries++) {
    if (!current && !fresh) current = await reread();
    // Somebody else has ended what was marked; what stands there now is not what was to be deleted.
    if (marked && current?.object.metadata.uid !== marked.object.metadata.uid) return { stored: marked, gone: true };
    if (!current) throw notFoundError(groupResourceOf(kind), name);
    try {
      if (!marked) {
        checkPreconditions(kind, current, options);
        await admission(current);
      }
    } catch (err) {
      if (fresh) throw err;
      current = await reread();
      continue;
    }
    const next = markDeleted(kind, current.object, options, context.clock.now());
    const isDone = next !== undefined && jsonEqual(next, current.object);
    if ((isDone || write.dryRun) && !fresh) {
      current = await reread();
      continue;
    }
    if (isDone) return { stored: current, gone: false };
    const goes = !next || mayGo(kind, next);
    if (write.dryRun) {
      // What does not go at once is shown as it would stay.
      const stored = next && !goes ? new StoredObject(current.key, next, current.revision) : current;
      return { stored, gone: goes };
    }
    if (!marked) refuseGone(write);
    const result = next ? await context.store.replace(kind, current, next) : await context.store.remove(kind, current);
    if (result.done) {
      if (!next || !goes) return { stored: next ? result.stored : current, gone: goes };
      // Its time is over: those who watch have been told, now it goes.
      marked = result.stored;
      current = result.stored;
      continue;
    }
    if (tries >= maxTries) throw conflictError(groupResourceOf(kind), name, 'the object keeps changing');
    current = result.current;
    fresh = true;
  }
}

/** Asks admission about the object that is to go, once for each state of it. */
function deletionAdmission(
  context: ApiContext,
  kind: Kind,
  { namespace, name }: { namespace: string; name: string },
  { options, end }: { options: WriteOptions; end: RequestEnd },
): (current: StoredObject) => Promise<void> {
  let asked: { revision: number; refusal?: unknown } | undefined;
  return async ({ revision, object: oldObject }) => {
    if (asked?.revision !== revision) {
      asked = { revision };
      const request = admissionRequest({ operation: 'DELETE', kind, namespace, name, oldObject, options }, end);
      try {
        await context.admission.mutate(request);
        await context.admission.validate(request);
      } catch (err) {
        asked.refusal = err;
      }
    }
    if (asked.refusal !== undefined) throw asked.refusal;
  };
}

function checkPreconditions(kind: Kind, current: StoredObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = current.object;
  const resource = { group: kind.group, resource: kind.kind };
  const tail = 'The object might have been deleted and then recreated';
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). ${tail}`;
    throw conflictError(resource, metadata.name ?? '', why);
  }
  if (resourceVersion !== undefined && resourceVersion !== String(current.revision)) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${current.revision}). The object might have been modified`;
    throw conflictError(resource, metadata.name ?? '', why);
  }
}

/**
 * The object as it stands after the delete was asked for, or undefined when there is nothing to
 * mark before it goes. Kinds with a grace period are marked even when it is over at once. Pure.
 */
function markDeleted(kind: Kind, old: KubeObject, options: DeleteOptions, nowMs: number): KubeObject | undefined {
  const draft: KubeObject = { ...old, metadata: { ...old.metadata } };
  const meta = draft.metadata;
  const finalizers = finalizersAfter(kind, meta.finalizers ?? [], options);
  if (finalizers.length > 0) meta.finalizers = finalizers;
  else delete meta.finalizers;
  // An int64 may be a bigint, and no clock tells seconds of that many digits apart.
  const asked = Number(kind.gracePeriodSeconds?.(old, options.gracePeriodSeconds) ?? 0);
  const grace = Math.max(0, asked);
  if (meta.deletionTimestamp) {
    // A second delete can only shorten the time that is left.
    const left = meta.deletionGracePeriodSeconds ?? 0;
    const shorter = options.gracePeriodSeconds !== undefined && grace < left;
    if (shorter) {
      const startedMs = Date.parse(meta.deletionTimestamp) - left * 1000;
      meta.deletionGracePeriodSeconds = grace;
      meta.deletionTimestamp = timestamp(Math.max(nowMs, startedMs + grace * 1000));
    }
    return mayGo(kind, draft) && !shorter ? undefined : draft;
  }
  if (!kind.gracePeriodSeconds && finalizers.length === 0 && !kind.holdsDeletion?.(old)) return undefined;
  meta.deletionTimestamp = timestamp(nowMs + grace * 1000);
  if (grace > 0 || !kind.holdsDeletion) meta.deletionGracePeriodSeconds = grace;
  if (meta.generation) meta.generation++;
  if (kind.markDeleted) {
    if (draft.status !== undefined) draft.status = { ...draft.status };
    kind.markDeleted(draft);
  }
  return draft;
}

/** The delete says nothing of dependents, and the kind keeps them then. */
const orphansUnasked = (kind: Kind, options: DeleteOptions): boolean =>
  kind.orphansByDefault !== undefined &&
  options.propagationPolicy === undefined &&
  options.orphanDependents === undefined;

/** What the client is told of it. */
export function orphanWarning(kind: Kind, options: DeleteOptions): string[] {
  const text = orphansUnasked(kind, options) ? kind.orphansByDefault : undefined;
  return typeof text === 'string' ? [text] : [];
}

function finalizersAfter(kind: Kind, finalizers: readonly string[], options: DeleteOptions): string[] {
  const decided = finalizers.includes(orphanFinalizer) || finalizers.includes(foregroundFinalizer);
  const isOrphaned = options.orphanDependents === true || (orphansUnasked(kind, options) && !decided);
  const policy = isOrphaned ? 'Orphan' : options.propagationPolicy;
  if (policy === undefined && options.orphanDependents === undefined) return [...finalizers];
  const others = finalizers.filter((f) => f !== orphanFinalizer && f !== foregroundFinalizer);
  if (kind.isNeverCollected) return others;
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return others;
}

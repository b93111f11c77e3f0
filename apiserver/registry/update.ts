// Changing an object: the caller says how to get the next state from the present one; this file
// runs it against the object as stored, again when somebody else was faster, through admission,
// preparation, validation and managedFields. Upstream: the generic registry store's Update over
// storage's GuaranteedUpdate.

import { conflictError, invalidError, modifiedError, notFoundError, type StatusError } from '../../machinery/errors.ts';
import { append, invalid } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { EtcdTooLargeError, EtcdUnavailableError } from '../storage/etcd.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { StoredObject } from '../storage/stored-object.ts';
import { breathe } from '../turns.ts';
import { admissionRequest } from './admission-request.ts';
import { type ApiContext, isLarge, type WriteOptions } from './context.ts';
import { recordFields } from './field-versions.ts';
import { afterMutation, keepOwnersOnce } from './owners.ts';
import { checkUpdate, prepareUpdate, versionNamed } from './prepare.ts';
import { RequestEnd, refuseGone } from './request-end.ts';
import { checkStorable } from './size.ts';

interface UpdateTarget {
  namespace: string;
  name: string;
  /** '' for the object itself, else the subresource written to. */
  subresource: string;
  /**
   * The next state as a draft of its own, in storage version. May be called again with a newer object. Where
   * `isLarge`, others get their turn between its steps.
   */
  produce(old: KubeObject, isLarge: boolean): KubeObject | Promise<KubeObject>;
  /** Whether managedFields are as `produce` has them; else the write is recorded there. */
  hasManagers?(old: KubeObject): boolean;
  /** A uid that is another one is invalid, and no precondition that fails. */
  uidMayDiffer?: boolean;
  /** Replaces the generic preparation (spec/status split) for subresources with rules of their own. */
  prepare?(draft: KubeObject, old: KubeObject): void;
  /** Replaces the kind's validation for such subresources. */
  check?(draft: KubeObject, old: KubeObject): void;
}

// How often a write that names no resourceVersion is tried against a newer object.
const maxTries = 8;

/** Updates an existing object; NotFound when there is none, Conflict when the draft names another version or uid. */
export async function updateObject(
  context: ApiContext,
  kind: Kind,
  target: UpdateTarget,
  options: WriteOptions,
): Promise<StoredObject> {
  const { namespace, name } = target;
  let current = await context.store.look(kind, namespace, name);
  // What the cache has may be old: before anything is refused because of it, etcd is asked.
  let fresh = false;
  for (let tries = 0; ; tries++) {
    if (!current) {
      if (!fresh) current = await context.store.read(kind, namespace, name);
      fresh = true;
      if (!current) throw notFoundError(groupResourceOf(kind), name);
    }
    const result = await tryUpdate(context, kind, target, { options, current, fresh });
    if (result.done) return result.stored;
    current = result.current;
    fresh = true;
    if (tries >= maxTries) throw modifiedError(groupResourceOf(kind), name);
  }
}

interface Attempt {
  options: WriteOptions;
  current: StoredObject;
  fresh: boolean;
}

type AttemptResult = { done: true; stored: StoredObject } | { done: false; current: StoredObject | undefined };

async function tryUpdate(
  context: ApiContext,
  kind: Kind,
  target: UpdateTarget,
  attempt: Attempt,
): Promise<AttemptResult> {
  const { current, fresh } = attempt;
  const large = attempt.options.isLarge || isLarge(current.size);
  const options = { ...attempt.options, isLarge: large };
  const reread = async (): Promise<AttemptResult> => ({
    done: false,
    current: await context.store.read(kind, target.namespace, target.name),
  });
  const old = current.object;
  if (large) await breathe();
  const end = new RequestEnd();
  try {
    const draft = await draftOf(context, kind, target, { ...attempt, options });
    const { namespace, name, subresource } = target;
    const write = { operation: 'UPDATE', kind, subresource, namespace, name, object: draft, oldObject: old } as const;
    const request = admissionRequest({ ...write, options }, end);
    await context.admission.mutate(request);
    keepOwnersOnce(draft.metadata, options.warnings, afterMutation);
    if (large) await breathe();
    await finishDraft(context, kind, target, { draft, old, isLarge: large, options });
    if (subresource === '') append(options.warnings, kind.warnings?.(draft, old) ?? []);
    if (large) await breathe();
    await context.admission.validate(request);
    if (large) await breathe();
    refuseGone(options);
    const result = await writeDraft(context, kind, { draft, current, fresh, dryRun: options.dryRun, reread });
    if (result.done && !options.dryRun) end.stored(mayGo(kind, draft) ? draft : undefined);
    return result;
  } catch (err) {
    end.failed(err);
    // To try again what may have happened could do it twice.
    if (fresh || err instanceof EtcdUnavailableError) throw err;
    // It may only be wrong against what the cache had.
    const again = await reread();
    if (!again.done && again.current?.revision !== current.revision) return again;
    throw err;
  } finally {
    await end.tell();
  }
}

/** Preparation and validation of a draft. */
async function finishDraft(
  context: ApiContext,
  kind: Kind,
  target: UpdateTarget,
  work: { draft: KubeObject; old: KubeObject; isLarge: boolean; options: WriteOptions },
): Promise<void> {
  const { draft, old } = work;
  if (target.prepare) target.prepare(draft, old);
  else prepareUpdate(kind, draft, old, { subresource: target.subresource, nowMs: context.clock.now() });
  if (work.isLarge) await breathe();
  if (target.check) target.check(draft, old);
  else {
    const { subresource } = target;
    append(work.options.warnings, checkUpdate(kind, draft, old, { subresource, apiVersion: work.options.apiVersion }));
  }
  kind.canonicalize?.(draft);
}

/** The next state as it was asked for, with who manages its fields then. */
async function draftOf(
  context: ApiContext,
  kind: Kind,
  target: UpdateTarget,
  { options, current }: Attempt,
): Promise<KubeObject> {
  const old = current.object;
  const draft = await target.produce(old, options.isLarge === true);
  if (options.isLarge) await breathe();
  checkVersion(kind, draft, current, target.uidMayDiffer);
  if (options.isLarge) checkStorable(draft, kind.storage.schema);
  const { subresource } = target;
  if (!target.hasManagers?.(old)) await recordFields(context, kind, { old, draft, subresource, options });
  return draft;
}

/** The object is not the one that was meant; `found`: its uid, or '' where there is none. */
export function uidConflict(kind: Kind, of: { key: string; name: string; uid: string; found?: string }): StatusError {
  const found = `Precondition failed: UID in precondition: ${of.uid}, UID in object meta: ${of.found ?? ''}`;
  const why = `StorageError: invalid object, Code: 4, Key: ${of.key}, ResourceVersion: 0, AdditionalErrorMsg: ${found}`;
  return conflictError(groupResourceOf(kind), of.name, why);
}

// A write that names no version, or 0, is for whatever version is there, unless the kind demands one.
function checkVersion(kind: Kind, draft: KubeObject, current: StoredObject, uidMayDiffer = false): void {
  const { uid, name = '' } = draft.metadata;
  const currentUid = current.object.metadata.uid;
  if (uid && uid !== currentUid && !uidMayDiffer)
    throw uidConflict(kind, { key: current.key, name, uid, found: currentUid });
  const version = versionNamed(draft.metadata);
  if (typeof version !== 'bigint') throw version;
  if (version === 0n) {
    if (kind.demandsVersion) {
      const why = invalid('metadata.resourceVersion', 0, 'must be specified for an update');
      throw invalidError({ group: kind.group, kind: kind.plural }, name, [why]);
    }
  } else if (version !== BigInt(current.revision)) throw modifiedError(groupResourceOf(kind), name);
  draft.metadata.resourceVersion = String(current.revision);
}

/** True when nothing keeps a deleted object any longer. */
export function mayGo(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (!deletionTimestamp || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
  return !kind.holdsDeletion?.(object);
}

async function writeDraft(
  context: ApiContext,
  kind: Kind,
  work: { draft: KubeObject; current: StoredObject; fresh: boolean; dryRun: boolean; reread(): Promise<AttemptResult> },
): Promise<AttemptResult> {
  const { draft, current } = work;
  const same = { ...draft, metadata: { ...draft.metadata, resourceVersion: String(current.revision) } };
  if (work.dryRun) return { done: true, stored: new StoredObject(current.key, same, current.revision) };
  if (mayGo(kind, draft)) {
    const removed = await context.store.remove(kind, current);
    return removed.done ? { done: true, stored: new StoredObject(current.key, same, current.revision) } : removed;
  }
  if (!current.isStale && isSame(same, current.object)) {
    // Nothing changes: no write, unless the cache was behind.
    if (work.fresh) return { done: true, stored: current };
    const again = await work.reread();
    if (again.done || again.current?.revision !== current.revision) return again;
    // Its key may have changed since it was cached.
    return again.current.isStale ? again : { done: true, stored: current };
  }
  try {
    return await context.store.replace(kind, current, draft);
  } catch (err) {
    // What has no room with its managedFields is kept without them.
    if (!(err instanceof EtcdTooLargeError) || !draft.metadata.managedFields) throw err;
    const { managedFields: _, ...metadata } = draft.metadata;
    return context.store.replace(kind, current, { ...draft, metadata });
  }
}

/** The times of managedFields alone are no change. */
function isSame(next: KubeObject, old: KubeObject): boolean {
  const { managedFields: after = [], ...metadata } = next.metadata;
  const { managedFields: before = [], ...oldMetadata } = old.metadata;
  const isManagedSame =
    after.length === before.length &&
    after.every((entry, i) => jsonEqual({ ...entry, time: before[i]!.time }, before[i]));
  return isManagedSame && jsonEqual({ ...next, metadata }, { ...old, metadata: oldMetadata });
}

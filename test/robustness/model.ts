// What Kubernetes' API says of one object: the answer that a request must get in a state, and the state after it.
// https://kubernetes.io/docs/reference/using-api/api-concepts/ (resource versions, conflicts),
// https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
import { isObject, jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { Version } from './etcd-history.ts';
import type { DeleteRequest, Operation, Request, WriteRequest } from './history.ts';
import { revisionOf } from './history.ts';
import { contentOf, isWithin, jsonPatch, mergePatch } from './json.ts';
import type { SequentialModel } from './linearizability.ts';

/** Undefined: there is none. */
export type State = KubeObject | undefined;

export type Expectation =
  | { refused: number; reason: string; because: string }
  /** A new object that has all of this. */
  | { created: KubeObject }
  /** The object afterwards; `isSame`: nothing is written, so that its version stays. */
  | { object: KubeObject; isSame: boolean }
  /** It is gone afterwards. */
  | { gone: KubeObject };

/** The answer to a request in a state. Pure. */
export function expect(state: State, request: WriteRequest): Expectation {
  if (request.verb === 'create') {
    if (!state) return { created: request.object };
    return { refused: 409, reason: 'AlreadyExists', because: `version ${revisionOf(state)} is there` };
  }
  if (!state) {
    if (request.verb === 'apply') return { created: request.object };
    if (request.verb === 'update' && request.object.metadata.uid)
      return { refused: 409, reason: 'Conflict', because: 'the object of that uid is not there' };
    return { refused: 404, reason: 'NotFound', because: 'there is none' };
  }
  if (request.verb === 'delete') return expectDeletion(state, request);
  const draft = draftOf(state, request);
  if (!draft) return { refused: 422, reason: 'Invalid', because: 'the patch does not fit the object' };
  // The uid of a patch is no precondition: it may not be another one.
  const isPatch = request.verb === 'merge-patch' || request.verb === 'json-patch';
  const { uid, resourceVersion } = draft.metadata;
  const conflict = conflictOf(state, { resourceVersion, ...(isPatch ? {} : { uid }) });
  if (conflict) return conflict;
  if (uid && uid !== state.metadata.uid) return { refused: 422, reason: 'Invalid', because: 'a uid is for life' };
  if (endsOtherwise(state, draft))
    return { refused: 422, reason: 'Invalid', because: 'only a deletion says how it ends' };
  // Of custom resources a write must say which version it is for.
  if (state.kind === 'Widget' && !draft.metadata.resourceVersion)
    return { refused: 422, reason: 'Invalid', because: 'it names no version' };
  const after = keepServerFields(state, draft);
  const added = (after.metadata.finalizers ?? []).filter((f) => !state.metadata.finalizers?.includes(f));
  if (state.metadata.deletionTimestamp && added.length > 0)
    return { refused: 422, reason: 'Invalid', because: 'it is being deleted and gets no more finalizers' };
  if (mayGo(after)) return { gone: after };
  return { object: after, isSame: contentOf(after) === contentOf(state) };
}

/** A write may repeat a deletion's grace; its time it may say as it likes, once there is one. */
function endsOtherwise({ metadata: is }: KubeObject, { metadata: wanted }: KubeObject): boolean {
  const { deletionGracePeriodSeconds: grace } = wanted;
  if (grace !== undefined && Number(grace) !== Number(is.deletionGracePeriodSeconds ?? Number.NaN)) return true;
  return wanted.deletionTimestamp !== undefined && is.deletionTimestamp === undefined;
}

/** The object that a write wants; undefined where its patch does not fit. */
function draftOf(state: KubeObject, request: Exclude<WriteRequest, DeleteRequest>): KubeObject | undefined {
  switch (request.verb) {
    case 'merge-patch':
      return mergePatch(state, request.patch) as KubeObject;
    case 'json-patch':
      return jsonPatch(state, request.operations) as KubeObject | undefined;
    case 'apply': {
      const { spec, ...applied } = request.object as KubeObject & { spec?: unknown };
      // The containers are those that every pod of the traffic has.
      return mergePatch(state, state.kind === 'Pod' ? applied : { ...applied, spec }) as KubeObject;
    }
    default:
      return request.object;
  }
}

type Preconditions = { uid?: string | undefined; resourceVersion?: string | undefined };

function conflictOf({ metadata }: KubeObject, wanted: Preconditions): Expectation | undefined {
  const because =
    wanted.uid && wanted.uid !== metadata.uid
      ? `uid ${metadata.uid} is there, not ${wanted.uid}`
      : wanted.resourceVersion && wanted.resourceVersion !== metadata.resourceVersion
        ? `version ${metadata.resourceVersion} is there, not ${wanted.resourceVersion}`
        : undefined;
  return because === undefined ? undefined : { refused: 409, reason: 'Conflict', because };
}

/** What no writer decides stays as it was. */
function keepServerFields(state: any, draft: any): KubeObject {
  const { labels, annotations, finalizers } = draft.metadata;
  const metadata = { ...state.metadata, labels, annotations, finalizers };
  if (state.kind === 'Pod') return { ...draft, metadata, status: state.status };
  // The generation of a custom resource counts the changes of all but its metadata.
  if (state.kind === 'Widget' && !jsonEqual(draft.spec, state.spec)) metadata.generation++;
  return { ...draft, metadata };
}

function mayGo({ metadata }: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && Number(deletionGracePeriodSeconds) === 0;
}

function expectDeletion(state: KubeObject, request: DeleteRequest): Expectation {
  const conflict = conflictOf(state, request.preconditions ?? {});
  if (conflict) return conflict;
  const marked = markDeleted(state, request);
  if (mayGo(marked)) return { gone: marked };
  return { object: marked, isSame: contentOf(marked) === contentOf(state) };
}

/** The object once its deletion has begun. */
export function markDeleted(state: any, { gracePeriodSeconds: asked }: DeleteRequest): KubeObject {
  const { spec, status, metadata } = state;
  const runs = state.kind === 'Pod' && spec.nodeName && !['Failed', 'Succeeded'].includes(status?.phase);
  const grace = runs ? (asked ?? spec.terminationGracePeriodSeconds) : 0;
  if (metadata.deletionTimestamp) {
    const left = metadata.deletionGracePeriodSeconds ?? 0;
    const isShorter = asked !== undefined && grace < left;
    return { ...state, metadata: { ...metadata, deletionGracePeriodSeconds: isShorter ? grace : left } };
  }
  const generation = metadata.generation ? { generation: metadata.generation + 1 } : {};
  const marks = { deletionTimestamp: 'now', deletionGracePeriodSeconds: grace };
  return { ...state, metadata: { ...metadata, ...generation, ...marks } };
}

/** A change that etcd tells of and no answer: of one of those that may have made it. */
export interface Effect {
  version: Version;
  candidates: readonly Operation[];
}

export type ObjectOp = Operation | Effect;

/** One object, from the beginning of the history on. */
export const objectModel: SequentialModel<State, ObjectOp> = {
  initial: undefined,
  step: (state, op) => ('version' in op ? stepEffect(state, op) : stepAnswer(state, op)),
  keyOf: (state) => state?.metadata.resourceVersion ?? 'none',
};

/** It changes what was there before it, whatever the answers say. */
function stepEffect(state: State, { version }: Effect): { state: State } | { refused: string } {
  const before = version.previous?.object;
  if (before?.metadata.resourceVersion === state?.metadata.resourceVersion) return { state: version.object };
  return { refused: `it follows upon ${show(before)}, with ${show(state)}` };
}

/** Whether a request makes a version of what was there before it, at once or on its way. */
export function makes(version: Version, { request }: Operation): boolean {
  const before = version.previous?.object;
  const isSecond = request.verb === 'delete' && !version.object && before !== undefined && mayGo(before);
  const write = asWrite(isSecond ? withoutVersion(request) : request);
  const expected = write && expect(before, write);
  if (!expected || 'refused' in expected) return false;
  if (!version.object) return 'gone' in expected;
  if ('created' in expected) return isWithin(expected.created, version.object);
  // A deletion without grace is marked, and then it goes.
  const after = 'object' in expected ? expected.object : write.verb === 'delete' ? expected.gone : undefined;
  return after !== undefined && contentOf(after) === contentOf(version.object);
}

/** Whether a request finds nothing to do in a version, and shows it. */
export function leaves({ object }: Version, { request }: Operation): boolean {
  const write = asWrite(request);
  const expected = write && expect(object, write);
  return expected !== undefined && 'object' in expected && expected.isSame;
}

/** What one request of a collection does to an object of it. */
function asWrite(request: Request): WriteRequest | undefined {
  if (request.verb === 'deletecollection') return { verb: 'delete' };
  return request.verb === 'get' || request.verb === 'list' ? undefined : request;
}

function stepAnswer(state: State, { request, outcome }: Operation): { state: State } | { refused: string } {
  if (request.verb === 'get') return stepGet(state, outcome);
  const write = asWrite(isSecondStep(state, request, outcome) ? withoutVersion(request as DeleteRequest) : request);
  if (!write || outcome.result === 'unknown' || outcome.result === 'listed') return { refused: 'no answer to look at' };
  const expected = expect(state, write);
  const wrong = (why: string) => ({ refused: `${why}, with ${show(state)}` });
  if (outcome.result === 'refused') {
    if ('refused' in expected && expected.refused === outcome.code && expected.reason === outcome.reason)
      return { state };
    return wrong(`it was refused with ${outcome.code} ${outcome.reason}`);
  }
  if ('refused' in expected)
    return wrong(`it was done, though ${expected.because}: ${expected.refused} ${expected.reason}`);
  const { object } = outcome;
  if ('gone' in expected) {
    const uid = object.kind === 'Status' ? object.details?.uid : object.metadata.uid;
    const isIt = object.kind === 'Status' || contentOf(object) === contentOf(expected.gone);
    return isIt && uid === state?.metadata.uid ? { state: undefined } : wrong(`uid ${uid} was deleted`);
  }
  if (object.kind === 'Status') return wrong('it is said to be gone');
  if ('created' in expected) {
    return isWithin(expected.created, object) ? { state: object } : wrong('what was created is not what was sent');
  }
  if (contentOf(expected.object) !== contentOf(object)) return wrong('another object was to be expected');
  const [before, after] = [revisionOf(state!), revisionOf(object)];
  if (expected.isSame && before === after) return { state };
  // An applier may come to own what is there already.
  if (expected.isSame && request.verb !== 'apply') return wrong(`version ${after} though nothing changes`);
  return after > before ? { state: object } : wrong(`version ${after} is not a later one`);
}

/** A pod whose grace is over at once is marked first: what then goes has another version than the one that was named. */
const isSecondStep = (state: State, request: Request, outcome: Operation['outcome']): boolean =>
  request.verb === 'delete' &&
  outcome.result === 'done' &&
  state !== undefined &&
  mayGo(state) &&
  state.metadata.resourceVersion === outcome.object.metadata.resourceVersion;

function withoutVersion({ preconditions, ...request }: DeleteRequest): DeleteRequest {
  const { resourceVersion: _, ...others } = preconditions ?? {};
  return { ...request, preconditions: others };
}

function stepGet(state: State, outcome: Operation['outcome']): { state: State } | { refused: string } {
  if (outcome.result === 'refused') {
    return outcome.code === 404 && !state ? { state } : { refused: `${outcome.code}, with ${show(state)}` };
  }
  if (outcome.result !== 'done') return { refused: 'no answer to look at' };
  const { object } = outcome;
  const isIt =
    state !== undefined && revisionOf(object) === revisionOf(state) && contentOf(object) === contentOf(state);
  return isIt ? { state } : { refused: `version ${revisionOf(object)} was read, with ${show(state)}` };
}

export function show(state: State): string {
  if (!isObject(state)) return 'none there';
  const { resourceVersion, uid, deletionTimestamp, finalizers } = state.metadata;
  const marks = [deletionTimestamp ? 'being deleted' : '', finalizers?.length ? `finalizers ${finalizers}` : ''];
  return `version ${resourceVersion} of ${uid?.slice(0, 8)} there ${marks.filter(Boolean).join(', ')}`.trim();
}

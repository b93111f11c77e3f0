// Every write that was acknowledged is in etcd, at its revision, once and whole; what was refused is not; and every
// write in etcd is one that somebody asked for.
import type { EtcdHistory, Version } from './etcd-history.ts';
import { type Operation, revisionOf, stampOf } from './history.ts';
import { contentOf } from './json.ts';
import { type Effect, leaves, makes } from './model.ts';
import type { Violation } from './violation.ts';

export interface Explained {
  violations: Violation[];
  /** Changes that no answer tells of, each with the requests that may have made it. */
  effects: Effect[];
  /** Requests whose part in the history is in `effects`. */
  absorbed: ReadonlySet<Operation>;
  /** A moment before which a version was not there. */
  begun(version: Version | undefined): number;
}

export function explainWrites(operations: readonly Operation[], etcd: EtcdHistory): Explained {
  const violations: Violation[] = [];
  const effects: Effect[] = [];
  const absorbed = new Set<Operation>();
  const writes = new WriteIndex(operations);
  for (const version of etcd.versions) {
    const { makers, candidates } = version.object ? writes.makersOf(version) : writes.endersOf(version);
    if (makers.length === 1) continue;
    // Several who say that they ended it: one did, and the others found it ending.
    for (const maker of makers) absorbed.add(maker);
    const able = [...makers, ...candidates].filter((operation) => makes(version, operation));
    if (able.length > 0) effects.push({ version, candidates: able });
    else violations.push(unexplained(version, candidates));
  }
  for (const operation of operations) violations.push(...checkAnswer(operation, etcd));
  return { violations, effects, absorbed, begun: (version) => writes.begun(version) };
}

const isWrite = ({ request: { verb } }: Operation) => verb !== 'get' && verb !== 'list';
const isDelete = ({ request: { verb } }: Operation) => verb === 'delete' || verb === 'deletecollection';

/** The uid of what an answer says is gone. */
function goneUid({ request, outcome }: Operation): string | undefined {
  if (outcome.result !== 'done') return undefined;
  const { object } = outcome;
  if (object.kind === 'Status') return object.details?.uid;
  if (request.verb === 'get' || !object.metadata.deletionTimestamp) return undefined;
  const { finalizers = [], deletionGracePeriodSeconds: grace = 0, uid } = object.metadata;
  return finalizers.length === 0 && grace === 0 ? uid : undefined;
}

class WriteIndex {
  readonly #byStamp = new Map<string, Operation>();
  readonly #byObject = new Map<string, Operation[]>();

  constructor(operations: readonly Operation[]) {
    for (const operation of operations.filter(isWrite)) {
      if (operation.stamp) this.#byStamp.set(operation.stamp, operation);
      const key = `${operation.resource}/${operation.name}`;
      this.#byObject.set(key, [...(this.#byObject.get(key) ?? []), operation]);
    }
  }

  /** When the request was sent that made a version, or one before it. */
  begun(version: Version | undefined): number {
    return this.#byStamp.get(stampOf(version?.object) ?? '')?.called ?? 0;
  }

  /** Writes of the object and of its collection that may have been under way when the change was made. */
  *#about({ resource, name, seen, previous }: Version): Generator<Operation> {
    const begun = this.begun(previous);
    for (const key of [`${resource}/${name}`, `${resource}/`])
      for (const operation of this.#byObject.get(key) ?? []) {
        const { called, returned, outcome } = operation;
        if (called < seen && (outcome.result === 'unknown' || returned > begun)) yield operation;
      }
  }

  /** Whose write a version is by its stamp, or which deletions may have marked it. */
  makersOf(version: Version): { makers: Operation[]; candidates: Operation[] } {
    const stamp = stampOf(version.object);
    const isMark = stamp !== undefined && stamp === stampOf(version.previous?.object);
    const stamped = isMark ? undefined : this.#byStamp.get(stamp ?? '');
    if (stamped) {
      const isItsOwn = stamped.resource === version.resource && stamped.name === version.name;
      if (!isItsOwn || stamped.outcome.result === 'refused') return { makers: [], candidates: [] };
      return stamped.outcome.result === 'done'
        ? { makers: [stamped], candidates: [] }
        : { makers: [], candidates: [stamped] };
    }
    if (!isMark) return { makers: [], candidates: [] };
    const uid = version.object?.metadata.uid;
    const deletions = [...this.#about(version)].filter((operation) => isDelete(operation));
    const marked = deletions.filter((o) => goneUid(o) === undefined && answeredRevision(o) === version.revision);
    // A pod's grace that is over at once is marked, and then it goes: the answer is that of the second write.
    const silent = deletions.filter((o) => mayHaveWritten(o) || goneUid(o) === uid);
    // Of those whose answer shows it some may have found it made; whoever could not, has made it.
    const maker = marked.find((o) => !leaves(version, o));
    if (maker) return { makers: [maker], candidates: [] };
    if (marked.length > 0 && !silent.some((o) => makes(version, o))) return { makers: [marked[0]!], candidates: [] };
    return { makers: [], candidates: [...marked, ...silent] };
  }

  /** Who says that they ended it, and who may have. */
  endersOf(version: Version): { makers: Operation[]; candidates: Operation[] } {
    const uid = version.previous?.object?.metadata.uid;
    const all = [...this.#about(version)];
    const makers = all.filter((operation) => goneUid(operation) === uid);
    return { makers, candidates: makers.length === 1 ? [] : all.filter(mayHaveWritten) };
  }
}

const answeredRevision = ({ outcome }: Operation): number | undefined =>
  outcome.result === 'done' && outcome.object.kind !== 'Status' ? revisionOf(outcome.object) : undefined;

/** Nobody was told what it has done to an object. */
const mayHaveWritten = ({ outcome }: Operation): boolean => outcome.result === 'unknown' || outcome.result === 'listed';

function unexplained(version: Version, candidates: readonly Operation[]): Violation {
  const { resource, name, revision, object, previous } = version;
  const what = object ? `stamp ${stampOf(object)}` : 'a deletion';
  return {
    rule: 'every write was asked for',
    why: `what was written at revision ${revision} (${what}) was refused, or is not what anybody asked for`,
    key: `${resource}/${name}`,
    versions: previous ? [previous, version] : [version],
    operations: candidates,
  };
}

function checkAnswer(operation: Operation, etcd: EtcdHistory): Violation[] {
  const { outcome, resource, name } = operation;
  const versions = etcd.of(resource, name);
  const wrong = (rule: string, why: string, about: readonly Version[] = []): Violation[] => [
    { rule, why, key: `${resource}/${name}`, versions: about, operations: [operation] },
  ];
  if (!isWrite(operation)) return [];
  if (outcome.result === 'listed') return checkCollection(operation, outcome.items, etcd);
  const own = operation.stamp ? versions.filter((v) => isFirstWith(v, operation.stamp!)) : [];
  if (own.length > 1) return wrong('a write happens once', `it was written ${own.length} times`, own);
  if (outcome.result !== 'done') return [];
  const gone = goneUid(operation);
  if (gone !== undefined) {
    const end = versions.find((v) => !v.object && v.previous?.object?.metadata.uid === gone);
    if (end && end.seen > operation.called) return [];
    return wrong('what was acknowledged is there', `uid ${gone} was not deleted then`, end ? [end] : []);
  }
  const { object } = outcome;
  const version = versions.find((v) => v.revision === revisionOf(object));
  if (!version?.object) return wrong('what was acknowledged is there', 'there is no such version in etcd');
  if (contentOf(version.object) !== contentOf(object))
    return wrong('what was acknowledged is there', 'etcd has another object in that version', [version]);
  if (own[0] && own[0] !== version)
    return wrong('what was acknowledged is there', `it was written at revision ${own[0].revision}`, own);
  return [];
}

const isFirstWith = (version: Version, stamp: string): boolean =>
  stampOf(version.object) === stamp && stampOf(version.previous?.object) !== stamp;

/** Whatever a deletion of a collection found has gone, or is going, when it is answered. */
function checkCollection(operation: Operation, items: readonly any[], etcd: EtcdHistory): Violation[] {
  return items.flatMap((item) => {
    const { name, uid } = item.metadata;
    const later = etcd.of(operation.resource, name).filter((v) => v.revision > revisionOf(item));
    const hasEnded = (v: Version) => v.object?.metadata.uid !== uid || v.object?.metadata.deletionTimestamp;
    if (item.metadata.deletionTimestamp || later.some(hasEnded)) return [];
    const why = `${name} of version ${revisionOf(item)} was in the collection and has not been deleted`;
    const key = `${operation.resource}/${name}`;
    return [{ rule: 'what was acknowledged is there', why, key, versions: later, operations: [operation] }];
  });
}

/** No two objects ever have the same uid. */
export function checkUids(etcd: EtcdHistory): Violation[] {
  const firstOf = new Map<string, Version>();
  const violations: Violation[] = [];
  for (const version of etcd.versions) {
    const uid = version.object?.metadata.uid;
    if (!uid || version.previous?.object?.metadata.uid === uid) continue;
    const first = firstOf.get(uid);
    const key = `${version.resource}/${version.name}`;
    if (first) {
      const why = `uid ${uid} was given twice`;
      violations.push({ rule: 'a uid is given once', why, key, versions: [first, version], operations: [] });
    }
    firstOf.set(uid, version);
  }
  return violations;
}

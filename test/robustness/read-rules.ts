// A read shows what was there at its revision, of every object of its collection, and a read of the present is as new
// as all that anybody had seen when it began.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
import type { KubeObject } from '../../machinery/metadata.ts';
import type { EtcdHistory, EtcdWrite, Version } from './etcd-history.ts';
import { type ListRequest, type Operation, type ReadAt, type Records, revisionOf } from './history.ts';
import { contentOf } from './json.ts';
import { selection } from './selection.ts';
import type { Violation } from './violation.ts';

/** The newest revision that anybody had seen before a moment. */
export class Seen {
  readonly #moments: number[] = [];
  readonly #revisions: number[] = [];

  constructor(history: Pick<Records, 'operations' | 'watches'>, writes: readonly EtcdWrite[]) {
    const all = writes.map(({ seen, revision }) => ({ moment: seen, revision }));
    for (const { outcome, returned: moment } of history.operations) {
      if (outcome.result === 'listed') all.push({ moment, revision: outcome.revision });
      if (outcome.result === 'done' && outcome.object.metadata?.resourceVersion)
        all.push({ moment, revision: revisionOf(outcome.object) });
    }
    for (const { moment, object } of history.watches.flatMap((watch) => watch.events))
      if (object.metadata?.resourceVersion) all.push({ moment, revision: revisionOf(object) });
    let newest = 0;
    for (const { moment, revision } of all.sort((a, b) => a.moment - b.moment)) {
      newest = Math.max(newest, revision || 0);
      this.#moments.push(moment);
      this.#revisions.push(newest);
    }
  }

  before(moment: number): number {
    let [low, high] = [0, this.#moments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#moments[middle]! < moment) low = middle + 1;
      else high = middle;
    }
    return this.#revisions[low - 1] ?? 0;
  }
}

interface Judge {
  history: Records;
  etcd: EtcdHistory;
  seen: Seen;
}

export function checkReads(judge: Judge): Violation[] {
  return judge.history.operations.flatMap((operation) => {
    const { request, outcome, resource, name } = operation;
    const why =
      request.verb === 'get'
        ? problemOfGet(judge, operation, request.at)
        : request.verb === 'list'
          ? problemOfList(judge, operation, request)
          : request.verb === 'deletecollection' && outcome.result === 'listed'
            ? problemOfList(judge, operation, { verb: 'list', at: undefined, labelSelector: request.labelSelector })
            : undefined;
    if (!why) return [];
    const versions = judge.etcd.of(resource, name);
    return [{ key: `${resource}/${name}`, versions: around(versions, operation), operations: [operation], ...why }];
  });
}

interface Problem {
  rule: string;
  why: string;
}

/** The revision that a read must at least have. */
const floorOf = ({ seen }: Judge, { called }: Operation, at: ReadAt): number => at ?? seen.before(called);

const fresh = 'a read is as new as it must be';
const true_ = 'a read shows what is there';

function problemOfGet(judge: Judge, operation: Operation, at: ReadAt): Problem | undefined {
  const { outcome, resource, name } = operation;
  if (outcome.result === 'unknown' || outcome.result === 'listed') return undefined;
  const floor = floorOf(judge, operation, at);
  const versions = judge.etcd.of(resource, name);
  if (outcome.result === 'refused') {
    if (outcome.code === 429) return undefined;
    if (outcome.code !== 404) return { rule: true_, why: `it was refused with ${outcome.code}` };
    const isAbsent = !versions[0] || versions[0].revision > floor;
    if (isAbsent || versions.some((v) => !v.object && v.until > floor)) return undefined;
    return { rule: fresh, why: `it is said not to be there, but it was from revision ${floor} on` };
  }
  const version = versions.find((v) => v.revision === revisionOf(outcome.object));
  if (!version?.object) return { rule: true_, why: 'there is no such version in etcd' };
  if (contentOf(version.object) !== contentOf(outcome.object))
    return { rule: true_, why: 'etcd has another object in that version' };
  if (version.until > floor) return undefined;
  return { rule: fresh, why: `version ${version.revision} ended at ${version.until}; revision ${floor} had been seen` };
}

function problemOfList(judge: Judge, operation: Operation, request: ListRequest): Problem | undefined {
  const { outcome, resource } = operation;
  if (outcome.result === 'unknown' || outcome.result === 'done') return undefined;
  if (outcome.result === 'refused') {
    const compacted = judge.history.disturbances.filter(
      (d) => d.compacted !== undefined && d.began < operation.returned,
    );
    // Pages and lists of the past end where the past does.
    const mayBeGone = (request.exact || request.limit) && compacted.length > 0;
    if (outcome.code === 429 || (outcome.code === 410 && mayBeGone)) return undefined;
    return { rule: true_, why: `it was refused with ${outcome.code} ${outcome.message}` };
  }
  const { revision, items } = outcome;
  const floor = floorOf(judge, operation, request.at);
  if (request.exact ? revision !== floor : revision < floor)
    return { rule: fresh, why: `it is of revision ${revision}, and ${floor} was to be expected` };
  if (revision > judge.etcd.lastRevision) return { rule: true_, why: `there is no revision ${revision}` };
  const matches = selection(request);
  const expected = [...judge.etcd.stateAt(resource, revision).values()].filter(matches);
  const difference = differenceOf(items, expected);
  return difference ? { rule: true_, why: `at revision ${revision} ${difference}` } : undefined;
}

function differenceOf(items: readonly KubeObject[], expected: readonly KubeObject[]): string | undefined {
  const shown = (all: readonly KubeObject[]) => all.map((o) => `${o.metadata.name}@${revisionOf(o)}`).join(' ');
  if (shown(items) !== shown(expected)) return `there are ${shown(expected) || 'none'}`;
  const other = items.find((item, i) => contentOf(item) !== contentOf(expected[i]!));
  return other ? `${other.metadata.name} has other contents` : undefined;
}

/** The versions of the object that a get may be about. */
function around(versions: readonly Version[], { outcome }: Operation): readonly Version[] {
  if (outcome.result !== 'done') return versions.slice(-3);
  const at = versions.findIndex((v) => v.revision >= revisionOf(outcome.object));
  return versions.slice(Math.max(0, at - 1), at + 2);
}

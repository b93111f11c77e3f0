// What a watch promises: it begins with a state that there was, and goes on with every change of what it selects, in
// order, once, with the right type and object; a bookmark says truly how far it is; it can be resumed.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
// All of that is one comparison: of what was delivered with the changes that etcd's history has for that selection.
import type { KubeObject } from '../../machinery/metadata.ts';
import type { EtcdHistory, EtcdWrite, Version } from './etcd-history.ts';
import {
  type Disturbance,
  type Records,
  type Resource,
  revisionOf,
  type WatchEvent,
  type WatchSession,
} from './history.ts';
import { contentOf } from './json.ts';
import type { Seen } from './read-rules.ts';
import { selection } from './selection.ts';

export interface WatchViolation {
  rule: string;
  why: string;
  session: WatchSession;
  /** Index of the event at which it shows. */
  at: number;
}

/** A change as those who select see it. */
interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  revision: number;
  object: KubeObject;
  version: Version;
}

type Problem = Pick<WatchViolation, 'rule' | 'why' | 'at'>;

const initialEventsEnd = 'k8s.io/initial-events-end';
const rules = {
  order: 'events come in the order of their revisions',
  unique: 'an event comes once',
  reliable: 'no event is missing',
  type: 'an event has the right type',
  filter: 'only what is selected is told',
  true: 'an event shows what happened',
  bookmark: 'bookmarks are true',
  resume: 'a watch can be resumed',
  initial: 'a watch begins with a state that there was',
} as const;

/** As long as a member of etcd, and with it the recorder, may be held up. */
const hearingMs = 5_000;

export interface WatchJudge {
  history: Pick<Records, 'watches' | 'disturbances'>;
  etcd: EtcdHistory;
  writes: readonly EtcdWrite[];
  seen: Seen;
}

export function checkWatches(judge: WatchJudge): WatchViolation[] {
  const selections = new Selections(judge.etcd);
  return judge.history.watches.flatMap((session) => {
    const problem = problemOf(judge, session, selections.of(session));
    return problem ? [{ ...problem, session }] : [];
  });
}

/** What those see who select something of a resource; made once for all who do. */
class Selections {
  readonly #etcd: EtcdHistory;
  readonly #known = new Map<string, Change[]>();

  constructor(etcd: EtcdHistory) {
    this.#etcd = etcd;
  }

  of({ resource, request }: WatchSession): Change[] {
    const key = `${resource} ${request.labelSelector} ${request.fieldSelector}`;
    let changes = this.#known.get(key);
    if (!changes) {
      changes = changesOf(this.#etcd, resource, selection(request));
      this.#known.set(key, changes);
    }
    return changes;
  }
}

function changesOf(etcd: EtcdHistory, resource: Resource, matches: (object: KubeObject) => boolean): Change[] {
  const changes: Change[] = [];
  for (const version of etcd.versions) {
    if (version.resource !== resource) continue;
    const { revision, object: now, previous } = version;
    const before = previous?.object && matches(previous.object) ? previous.object : undefined;
    const after = now && matches(now) ? now : undefined;
    if (after) changes.push({ type: before ? 'MODIFIED' : 'ADDED', revision, object: after, version });
    // Whoever no longer sees it is shown what it was, at the revision at which it went.
    else if (before) changes.push({ type: 'DELETED', revision, object: before, version });
  }
  return changes;
}

function problemOf(judge: WatchJudge, session: WatchSession, changes: Change[]): Problem | undefined {
  const { request, events } = session;
  const ending = problemOfEnd(judge, session);
  if (ending) return ending;
  const told = events.filter((event) => event.type !== 'ERROR');
  if (told.some((event) => event.type === 'BOOKMARK') && !request.bookmarks)
    return { rule: rules.bookmark, why: 'nobody asked for bookmarks', at: 0 };
  if (request.sendInitialEvents) return problemOfWatchList(judge, session, changes);
  if (request.after) return problemOfEvents(told, 0, changes, request.after);
  return problemOfInitialState(judge, session, changes);
}

/** From `first` on the events are the changes after `revision`, as many as were told. */
function problemOfEvents(
  events: readonly WatchEvent[],
  first: number,
  changes: readonly Change[],
  revision: number,
): Problem | undefined {
  let next = changes.findIndex((change) => change.revision > revision);
  if (next < 0) next = changes.length;
  let reached = revision;
  for (let at = first; at < events.length; at++) {
    const { type, object } = events[at]!;
    const expected = changes[next];
    const got = revisionOf(object);
    if (type === 'BOOKMARK') {
      if (got < reached) return { rule: rules.bookmark, why: `it goes back from ${reached} to ${got}`, at };
      if (expected && expected.revision <= got)
        return { rule: rules.bookmark, why: `revision ${expected.revision} had not been told`, at };
      reached = got;
      continue;
    }
    const problem = problemOfEvent({ type, object, got, reached }, expected, changes);
    if (problem) return { ...problem, at };
    reached = got;
    next++;
  }
  return undefined;
}

interface Told {
  type: string;
  object: KubeObject;
  got: number;
  /** The revision up to which everything had been told. */
  reached: number;
}

function problemOfEvent(told: Told, expected: Change | undefined, changes: readonly Change[]) {
  const { type, object, got, reached } = told;
  const change = expected?.revision === got ? expected : changes.find(({ revision }) => revision === got);
  const shown = `${type} ${object.metadata.name} at revision ${got}`;
  if (!change) return { rule: rules.filter, why: `${shown} is nothing that this watch selects` };
  if (got === reached) return { rule: rules.unique, why: `${shown} comes again` };
  if (got < reached) return { rule: rules.order, why: `${shown} comes after revision ${reached}` };
  if (expected && expected.revision < got) {
    const { revision, type: missing, object: lost } = expected;
    return {
      rule: rules.reliable,
      why: `${missing} ${lost.metadata.name} at revision ${revision} is missing before it`,
    };
  }
  if (change.type !== type) return { rule: rules.type, why: `${shown} should be ${change.type}` };
  if (contentOf(change.object) !== contentOf(object)) return { rule: rules.true, why: `${shown} has other contents` };
  return undefined;
}

/** What there was, then a bookmark that says so, then what changed. */
function problemOfWatchList(judge: WatchJudge, session: WatchSession, changes: Change[]): Problem | undefined {
  const { events, request, called } = session;
  const end = events.findIndex((event) => event.object.metadata?.annotations?.[initialEventsEnd] === 'true');
  // Broken off before the state was whole.
  if (end < 0 || !request.bookmarks) return undefined;
  const revision = revisionOf(events[end]!.object);
  const floor = request.after ?? judge.seen.before(called);
  if (revision < floor)
    return { rule: rules.initial, why: `it is of revision ${revision}, and ${floor} had been seen`, at: end };
  const told = new Map<string, KubeObject>();
  for (const { type, object } of events.slice(0, end)) {
    if (type === 'DELETED') told.delete(object.metadata.name);
    else if (type !== 'BOOKMARK') told.set(object.metadata.name, object);
  }
  const difference = differenceOf(told, stateOf(changes, revision));
  if (difference) return { rule: rules.initial, why: `at revision ${revision} ${difference}`, at: end };
  const rest = events.filter((event) => event.type !== 'ERROR');
  return problemOfEvents(rest, end + 1, changes, revision);
}

function stateOf(changes: readonly Change[], revision: number): Map<string, KubeObject> {
  const state = new Map<string, KubeObject>();
  for (const change of changes) {
    if (change.revision > revision) break;
    apply(state, change);
  }
  return state;
}

function apply(state: Map<string, KubeObject>, { type, object }: Change): void {
  if (type === 'DELETED') state.delete(object.metadata.name!);
  else state.set(object.metadata.name!, object);
}

function differenceOf(told: Map<string, KubeObject>, expected: Map<string, KubeObject>): string | undefined {
  for (const [name, object] of expected) {
    const got = told.get(name);
    if (!got) return `${name} is missing`;
    if (revisionOf(got) !== revisionOf(object)) return `${name} has version ${revisionOf(object)}`;
    if (contentOf(got) !== contentOf(object)) return `${name} has other contents`;
  }
  for (const name of told.keys()) if (!expected.has(name)) return `there is no ${name}`;
  return undefined;
}

/** Nothing says where the state ends: some state there was must fit, and what comes after it. */
function problemOfInitialState(judge: WatchJudge, session: WatchSession, changes: Change[]): Problem | undefined {
  const events = session.events.filter((event) => event.type !== 'ERROR');
  const floor = session.request.after === 0 ? 0 : judge.seen.before(session.called);
  const state = new Map<string, KubeObject>();
  let problem: Problem | undefined;
  let couldBe = false;
  for (let i = 0; i <= changes.length; i++) {
    const until = changes[i]?.revision ?? Infinity;
    if (until > floor) {
      const fit = fitOf(events, state);
      if (fit === 'whole') {
        const found = problemOfEvents(events, state.size, changes, changes[i - 1]?.revision ?? 0);
        if (!found) return undefined;
        // Where there was nothing, everything begins so.
        if (state.size > 0) problem = found;
      }
      couldBe ||= fit === 'begun';
    }
    if (changes[i]) apply(state, changes[i]!);
  }
  if (couldBe) return undefined;
  return problem ?? { rule: rules.initial, why: `no state since revision ${floor} is like that`, at: 0 };
}

/** Whether the events begin with a state: with all of it, or, where they break off, with a part. */
function fitOf(events: readonly WatchEvent[], state: ReadonlyMap<string, KubeObject>): 'whole' | 'begun' | undefined {
  const seen = new Set<string>();
  for (const { type, object } of events.slice(0, state.size)) {
    const expected = state.get(object.metadata.name);
    if (type !== 'ADDED' || seen.has(object.metadata.name)) return undefined;
    if (!expected || revisionOf(expected) !== revisionOf(object) || contentOf(expected) !== contentOf(object))
      return undefined;
    seen.add(object.metadata.name);
  }
  return events.length >= state.size ? 'whole' : 'begun';
}

/** Refused or ended with an error: 410 where the past is gone, and nothing else. */
function problemOfEnd(judge: WatchJudge, { request, events, code, server }: WatchSession): Problem | undefined {
  if (code !== undefined && code !== 200 && code !== 410 && code !== 429 && code < 500)
    return { rule: rules.resume, why: `it was refused with ${code}`, at: 0 };
  const at = events.findIndex((event) => event.type === 'ERROR');
  if (at < 0 && code !== 410) return undefined;
  const { object, moment } = events[at] ?? { object: { code: 410, message: '' }, moment: Infinity };
  if (object.code !== 410) return { rule: rules.resume, why: `it ended with ${object.code} ${object.message}`, at };
  const reached = events.slice(0, at).reduce((max, e) => Math.max(max, revisionOf(e.object)), request.after ?? 0);
  const passedMs = judge.writes.find(({ revision }) => revision > reached)?.seenMs ?? Infinity;
  // Compacted; or the server has begun anew at a later revision, which the recorder too may have heard of late: by itself,
  // or because it was behind what was compacted.
  const isExcused = judge.history.disturbances.some((one) => {
    const { servers, compacted = 0, late, began, endedMs } = one;
    const mayHaveBegunAnew = servers?.includes(server) || (late?.includes(server) && wasCompactedIn(judge, one));
    return began < moment && (compacted > reached || (mayHaveBegunAnew && endedMs + hearingMs > passedMs));
  });
  if (isExcused) return undefined;
  const why = `revision ${reached} is said to be gone: ${object.message}`;
  return { rule: rules.resume, why, at };
}

const wasCompactedIn = ({ history }: WatchJudge, { beganMs, endedMs }: Disturbance) =>
  history.disturbances.some((c) => c.compacted && c.endedMs > beganMs && c.beganMs < endedMs + hearingMs);

export function showWatchViolation({ rule, why, session, at }: WatchViolation): string {
  const { id, client, server, resource, request, calledMs, events } = session;
  const head = `watch #${id} of ${resource} by ${client} at server ${server}, from ${calledMs} ms: ${JSON.stringify(request)}`;
  const around = events.slice(Math.max(0, at - 3), at + 2).map(({ type, object, ms, moment }) => {
    const { name, uid, labels, annotations } = object.metadata ?? {};
    const shown = object.message ?? JSON.stringify({ name, uid, labels, annotations });
    return `  ${ms} ms (${moment}) ${type} ${object.metadata?.resourceVersion ?? object.code} ${shown}`;
  });
  return [head, `  broken: ${rule}: ${why}; event ${at} and those beside it:`, ...around].join('\n');
}

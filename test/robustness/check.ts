// All rules over one history, and what is told of those that are broken.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type EtcdHistory, type EtcdWrite, etcdHistory } from './etcd-history.ts';
import { type Operation, type Records, type Resource, writeRecords } from './history.ts';
import { type Call, linearize } from './linearizability.ts';
import { type ObjectOp, objectModel, show } from './model.ts';
import { checkReads, Seen } from './read-rules.ts';
import { showOperation, showVersion, showViolation } from './violation.ts';
import { checkWatches, showWatchViolation } from './watch-rules.ts';
import { checkUids, type Explained, explainWrites } from './write-rules.ts';

/** So many of a kind are told; the rest is in the file. */
const maxTold = 3;
const root = process.env.K8TS_ROOT ?? process.cwd();

export interface Recorded {
  history: Records;
  writes: readonly EtcdWrite[];
  namespace: string;
  /** Watches that were told nothing any more, in words. */
  silent?: readonly string[];
}

/** What is broken, in words; empty where all is well. */
export function check({ history, writes, namespace, silent = [] }: Recorded): string[] {
  const etcd = etcdHistory(writes, namespace);
  const seen = new Seen(history, writes);
  const explained = explainWrites(history.operations, etcd);
  return [
    ...silent,
    ...shown([...explained.violations, ...checkUids(etcd)], showViolation),
    ...shown(checkReads({ history, etcd, seen }), showViolation),
    ...shown(checkWatches({ history, etcd, writes, seen }), showWatchViolation),
    ...shown(checkObjects(history.operations, etcd, explained), (text) => text),
  ];
}

function shown<T>(all: readonly T[], show: (one: T) => string): string[] {
  const told = all.slice(0, maxTold).map(show);
  return all.length > maxTold ? [...told, `... and ${all.length - maxTold} more like these`] : told;
}

/** Every object by itself: is there an order in which its requests may have been carried out? */
export function checkObjects(
  operations: readonly Operation[],
  etcd: EtcdHistory,
  explained: Pick<Explained, 'effects' | 'absorbed' | 'begun'>,
): string[] {
  const calls = new Map<string, Call<ObjectOp>[]>();
  const add = (resource: Resource, name: string, call: Call<ObjectOp>) => {
    const key = `${resource}/${name}`;
    calls.set(key, [...(calls.get(key) ?? []), call]);
  };
  for (const op of operations) {
    if (isOfOneObject(op) && !explained.absorbed.has(op) && !isLostRace(op, etcd))
      add(op.resource, op.name, { op, called: op.called, returned: op.returned });
  }
  for (const effect of explained.effects) {
    const { resource, name, seen } = effect.version;
    const asked = Math.min(...effect.candidates.map((operation) => operation.called));
    const called = Math.max(asked, explained.begun(effect.version.previous));
    add(resource, name, { op: effect, called, returned: seen });
  }
  return [...calls].flatMap(([key, ofOne]) => {
    const result = linearize(objectModel, ofOne);
    return result.ok ? [] : [showUnordered(key, result)];
  });
}

/** An answer of the present that says something of one object. */
function isOfOneObject({ name, request, outcome }: Operation): boolean {
  if (name === '' || (request.verb === 'get' && request.at !== undefined)) return false;
  // Too many requests: not carried out, as the rules of writes see to.
  return outcome.result === 'done' || (outcome.result === 'refused' && outcome.code !== 429);
}

/** So many other writes to an object may one that names no version lose against before it is refused. */
const patience = 5;

/** A write without a version that others were always faster than: refused as a conflict, which no state explains. */
function isLostRace({ request, outcome, resource, name, called, returned }: Operation, etcd: EtcdHistory): boolean {
  if (outcome.result !== 'refused' || outcome.reason !== 'Conflict' || request.verb === 'create') return false;
  const during = etcd
    .of(resource, name)
    .filter(({ seen, previous }) => seen > called && (previous?.seen ?? 0) < returned);
  return during.length >= patience && namesNoVersion(request);
}

function namesNoVersion(request: Operation['request']): boolean {
  if (request.verb === 'delete') return request.preconditions?.resourceVersion === undefined;
  if (request.verb === 'update') return request.object.metadata.resourceVersion === undefined;
  if (request.verb === 'merge-patch')
    return (request.patch.metadata as { resourceVersion?: string } | undefined)?.resourceVersion === undefined;
  return true;
}

type Unordered = Extract<ReturnType<typeof linearize<ReturnType<typeof asState>, ObjectOp>>, { ok: false }>;
const asState = () => objectModel.initial;

function showUnordered(key: string, { order, state, blocked }: Unordered): string {
  const showOp = (op: ObjectOp) => {
    if (!('version' in op)) return showOperation(op);
    const makers = op.candidates.slice(0, maxTold).map((operation) => `\n    ${showOperation(operation)}`);
    return `${showVersion(op.version)}, by one of ${op.candidates.length}:${makers.join('')}`;
  };
  return [
    `${key}: broken: linearizable; after ${order.length} requests in order, the last of them`,
    ...order.slice(-3).map(({ op }) => `  ${showOp(op)}`),
    `  there is ${show(state)}, and one of these would have to come next:`,
    ...blocked.map(({ call, why }) => `  ${showOp(call.op)}\n    cannot: ${why}`),
  ].join('\n');
}

/** Throws what is broken, with the file that has the whole history, and how to run it again. */
export function assertHolds(recorded: Recorded, { name, seed }: { name: string; seed: number }): void {
  const broken = check(recorded);
  if (broken.length === 0) return;
  const folder = join(root, 'dist/robustness');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${seed}.jsonl`);
  const etcd = recorded.writes.map((write) => ({ ...write, value: write.value?.toString() }));
  writeRecords(path, recorded.history, etcd);
  throw new Error(
    `${broken.join('\n\n')}\n\nthe whole history: ${path}\nagain with the same choices: K8TS_FUZZ_SEED=${seed}`,
  );
}

/** How much was looked at, so that a run that did nothing shows. */
export function summary({ history, writes, namespace }: Recorded): Record<string, unknown> {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of history.operations) {
    const what = outcome.result === 'refused' ? `${outcome.code} ${outcome.reason}` : outcome.result;
    outcomes[what] = (outcomes[what] ?? 0) + 1;
  }
  const events = history.watches.flatMap((watch) => watch.events);
  return {
    requests: history.operations.length,
    outcomes,
    watches: history.watches.length,
    resumed: history.watches.filter(({ request }) => request.after).length,
    events: events.length,
    bookmarks: events.filter(({ type }) => type === 'BOOKMARK').length,
    expired: events.filter(({ type }) => type === 'ERROR').length,
    writes: writes.length,
    versions: etcdHistory(writes, namespace).versions.length,
    disturbances: history.disturbances.map(({ what }) => what).join(', '),
  };
}

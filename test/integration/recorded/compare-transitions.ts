// The statuses that a pod goes through, in the words of the recordings, and how far they have to be
// the recorded ones. Both are looks at the same life, and a kubelet may merge what follows quickly:
// so a status that only one of them has must be a step between its neighbours, container for
// container and condition for condition, or one too short to be seen.
import type { WatchEvent } from '../../environment/watch-log.ts';
import { otherRows } from './not-comparable.ts';

function describeState({ name, state = {}, ready, restartCount }: any): string {
  const [kind = 'none'] = Object.keys(state);
  const { reason, exitCode } = state[kind] ?? {};
  const words = [
    `${name}=${kind}${reason ? `:${reason}` : ''}${exitCode === undefined ? '' : `/${exitCode}`}`,
    ...(ready ? ['ready'] : []),
    ...(restartCount > 0 ? [`r${restartCount}`] : []),
  ];
  return words.join(' ');
}

/** `Running | c=running ready r1 | PodReadyToStartContainers,!Ready | reason=X | deleting(grace=3)` */
export function describePod({ type, object: { metadata, status } }: WatchEvent): string {
  const { phase, reason, conditions = [], initContainerStatuses: init = [], containerStatuses: main = [] } = status;
  const parts = [
    phase,
    ...[...init, ...main, ...(status.ephemeralContainerStatuses ?? [])].map(describeState),
    conditions.map((c: any) => `${c.status === 'True' ? '' : '!'}${c.type}`).join(),
    ...(reason ? [`reason=${reason}`] : []),
    ...(metadata.deletionTimestamp ? [`deleting(grace=${metadata.deletionGracePeriodSeconds})`] : []),
  ];
  return `${type === 'DELETED' ? 'DELETED <- ' : ''}${parts.join(' | ')}`;
}

const partsOf = (row: string) => row.split(' | ');
const restartsIn = (row: string) => Math.max(0, ...[...row.matchAll(/ r(\d+)/g)].map((m) => Number(m[1])));

/** The parts of a row, each condition by itself. */
const wordsOf = (row: string) => partsOf(row).flatMap((part) => (part.includes('=') ? [part] : part.split(',')));

/**
 * Whether every word of a row stands in one of its neighbours: nothing is new in it. On its way to
 * an end a pod runs.
 */
function isStepBetween(row: string, neighbours: readonly (string | undefined)[]): boolean {
  const known = new Set(neighbours.flatMap((n) => (n === undefined ? [] : wordsOf(n))));
  if (known.has('Pending') && (known.has('Succeeded') || known.has('Failed'))) known.add('Running');
  return wordsOf(row).every((word) => known.has(word));
}

/** A pod whose running was too short to be told stays Pending until its end is. */
const isBehind = (row: string, ours: readonly string[]) =>
  row.startsWith('Running |') && ours.includes(row.replace('Running', 'Pending'));

/**
 * Whether a row shows a container that ended by itself right after, or was ready, or that waits for its restart or,
 * for the first time, was restarted.
 */
function isShort(row: string, next: string | undefined, endsAtOnce: (container: string) => boolean): boolean {
  return partsOf(row).some((part) => {
    const [, name, state, restarts = ''] = /^([^= ]+)=(\w+)\S*(?: ready)?( r\d+)?$/.exec(part) ?? [];
    if (!name || !next) return false;
    const after = partsOf(next).find((p) => p.startsWith(`${name}=`)) ?? '';
    const restartsAfter = / r\d+/.exec(after)?.[0] ?? '';
    if (state === 'terminated' && restarts === '' && restartsAfter === ' r1') return true;
    if (restartsAfter !== restarts) return false;
    if (part === `${name}=running${restarts}` && after.startsWith(`${name}=running ready`)) return true;
    if (state === 'running') return after.startsWith(`${name}=terminated`) && endsAtOnce(name);
    return after.startsWith(`${name}=waiting:CrashLoopBackOff`);
  });
}

export interface Life {
  scenario: string;
  recorded: readonly string[];
  observed: readonly string[];
  /** Whether a container's process ends as soon as it has begun. */
  endsAtOnce(container: string): boolean;
}

/** The rows that tell one life from the other. */
export function compareTransitions({ scenario, observed, endsAtOnce, ...life }: Life): string[] {
  const isComparable = (row: string) => !otherRows.some((o) => o.scenario === scenario && o.row.test(row));
  const recorded = life.recorded.filter(isComparable);
  // One that crashes over and over was watched for longer or shorter than now.
  const lastRestart = Math.max(0, ...recorded.map(restartsIn));
  const ours = observed.filter((row) => restartsIn(row) <= lastRestart && isComparable(row));
  const isExplained = (row: string, others: readonly string[], next: readonly string[]) =>
    isStepBetween(row, others) || next.some((n) => isShort(row, n, endsAtOnce));
  const differences: string[] = [];
  for (const { theirs, own, theirSpan, ownSpan, isEnd } of gapsBetween(recorded, ours)) {
    for (const [i, row] of own.entries()) {
      const triesAgain = isEnd && recorded.includes(row);
      if (!triesAgain && !isExplained(row, theirSpan, [...own.slice(i + 1, i + 2), ...theirSpan]))
        differences.push(`not recorded: ${row}`);
    }
    for (const [i, row] of theirs.entries()) {
      const isLater = isEnd && restartsIn(row) > 0;
      if (
        !isLater &&
        !isBehind(row, ownSpan) &&
        !isExplained(row, ownSpan, [...theirs, theirSpan.at(-1)!].slice(i + 1, i + 2))
      )
        differences.push(`not seen: ${row}`);
    }
  }
  return differences;
}

/**
 * The same for all pods whose names were generated alike. Their rows were recorded as one list, so
 * each of them is to have lived like a pod that went through every row once; what is missing of it
 * must be seen of another.
 */
export function compareLives(life: Omit<Life, 'observed'>, observed: readonly (readonly string[])[]): string[] {
  const recorded = observed.length === 1 ? life.recorded : [...new Set(life.recorded)];
  const differences = observed.map((own) => compareTransitions({ ...life, recorded, observed: own }));
  const isOfAll = (difference: string) => differences.every((list) => list.includes(difference));
  if (observed.length === 0) return ['no such pod'];
  return [...new Set(differences.flat())].filter((d) => d.startsWith('not recorded') || isOfAll(d));
}

interface Gap {
  theirs: readonly string[];
  own: readonly string[];
  /** The same with the rows that both have at its ends. */
  theirSpan: readonly string[];
  ownSpan: readonly string[];
  /** Behind the last row that both have. */
  isEnd: boolean;
}

/** What lies between the rows that both have, in order. */
function gapsBetween(recorded: readonly string[], ours: readonly string[]): Gap[] {
  const gaps: Gap[] = [];
  let [r, o] = [0, 0];
  const close = (toR: number, toO: number) => {
    gaps.push({
      theirs: recorded.slice(r, toR),
      own: ours.slice(o, toO),
      theirSpan: recorded.slice(Math.max(0, r - 1), toR + 1),
      ownSpan: ours.slice(Math.max(0, o - 1), toO + 1),
      isEnd: toR === recorded.length,
    });
    [r, o] = [toR + 1, toO + 1];
  };
  for (const [i, row] of ours.entries()) {
    const found = recorded.indexOf(row, r);
    if (found >= 0) close(found, i);
  }
  close(recorded.length, ours.length);
  return gaps;
}

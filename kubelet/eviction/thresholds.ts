// From which amounts on the node is short of something. Pure. Upstream: ParseThresholdConfig in eviction/helpers.go.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import { parseGoDuration } from '../../machinery/duration.ts';
import { canonicalQuantity, parseQuantity, quantityValue } from '../../machinery/quantity.ts';

export const signals = {
  'memory.available': { resource: 'memory', condition: 'MemoryPressure' },
  'nodefs.available': { resource: 'ephemeral-storage', condition: 'DiskPressure' },
  'nodefs.inodesFree': { resource: 'inodes', condition: 'DiskPressure' },
  'imagefs.available': { resource: 'ephemeral-storage', condition: 'DiskPressure' },
  'imagefs.inodesFree': { resource: 'inodes', condition: 'DiskPressure' },
  'pid.available': { resource: 'pids', condition: 'PIDPressure' },
} as const;

export type Signal = keyof typeof signals;
export type StarvedResource = (typeof signals)[Signal]['resource'];
export type PressureCondition = (typeof signals)[Signal]['condition'];

/** A quantity, or a share of what there is. */
export type Amount = { quantity: number } | { share: number };

export interface Threshold {
  signal: Signal;
  value: Amount;
  /** 0 for a hard threshold, which has none. */
  graceMs: number;
  /** More than the threshold has to be free again. */
  minReclaim?: Amount;
}

/** As in upstream's KubeletConfiguration: amounts and times by signal. */
export const defaultEviction = {
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '10%',
    'nodefs.inodesFree': '5%',
    'imagefs.available': '15%',
    'imagefs.inodesFree': '5%',
  } as Record<string, string>,
  evictionSoft: {} as Record<string, string>,
  evictionSoftGracePeriod: {} as Record<string, string>,
  evictionMinimumReclaim: {} as Record<string, string>,
  evictionPressureTransitionPeriod: '5m0s',
  evictionMaxPodGracePeriod: 0,
};
export type EvictionSettings = typeof defaultEviction;

/** Throws an Error that says what is wrong. */
export function parseThresholds(settings: EvictionSettings): Threshold[] {
  const { evictionSoftGracePeriod: graces, evictionMinimumReclaim: reclaims } = settings;
  for (const signal of [...Object.keys(graces), ...Object.keys(reclaims)]) signalOf(signal);
  const withReclaim = (threshold: Threshold): Threshold => {
    const text = reclaims[threshold.signal];
    if (text === undefined) return threshold;
    return { ...threshold, minReclaim: parseAmount(text, `eviction minimum reclaim ${threshold.signal}`) };
  };
  const hard = parseStatements(settings.evictionHard, () => 0);
  const soft = parseStatements(settings.evictionSoft, (signal) => {
    const text = graces[signal];
    if (text === undefined) throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`);
    const graceMs = parseGoDuration(text);
    if (graceMs <= 0) throw new Error(`invalid eviction grace period specified: ${text}, must be a positive value`);
    return graceMs;
  });
  if (parseGoDuration(settings.evictionPressureTransitionPeriod) < 0)
    throw new Error('evictionPressureTransitionPeriod must not be negative');
  return [...hard, ...soft].map(withReclaim);
}

function parseStatements(statements: Record<string, string>, graceOf: (signal: Signal) => number): Threshold[] {
  return Object.entries(statements).flatMap(([name, text]) => {
    const signal = signalOf(name);
    const graceMs = graceOf(signal);
    // What none or all of it says is that nobody asks.
    if (text === '0%' || text === '100%') return [];
    return [{ signal, value: parseAmount(text, `eviction threshold ${signal}`), graceMs }];
  });
}

function signalOf(name: string): Signal {
  if (!Object.hasOwn(signals, name)) throw new Error(`unsupported eviction signal ${name}`);
  return name as Signal;
}

function parseAmount(text: string, what: string): Amount {
  if (text.endsWith('%')) {
    const percent = /^\d{1,3}(\.\d{1,6})?%$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN;
    if (!(percent > 0 && percent <= 100)) throw new Error(`${what} must be between 0% and 100%: ${text}`);
    return { share: percent / 100 };
  }
  if (!parseQuantity(text)) throw new Error(`${what} is no quantity: ${text}`);
  const quantity = quantityValue(text);
  if (quantity <= 0) throw new Error(`${what} must be positive: ${text}`);
  return { quantity };
}

/** What there is of something, and what of it is free. */
export interface Observation {
  available: number;
  capacity: number;
}
export type Observations = Partial<Record<Signal, Observation>>;

export const amountIn = (amount: Amount, capacity: number) =>
  'share' in amount ? Math.floor(capacity * amount.share) : amount.quantity;

/** Whether less is free than the threshold says, and than is to be reclaimed on top where that counts. */
export function isMet({ signal, value, minReclaim }: Threshold, found: Observations, withReclaim: boolean): boolean {
  const seen = found[signal];
  if (!seen) return false;
  const more = withReclaim && minReclaim ? amountIn(minReclaim, seen.capacity) : 0;
  return amountIn(value, seen.capacity) + more > seen.available;
}

/** Bytes in powers of 1024 where they come out even, anything else as a plain number. */
export function showAmount(resource: StarvedResource, amount: number): string {
  const isBytes = resource === 'memory' || resource === 'ephemeral-storage';
  const text = isBytes && amount > 0 && amount % 1024 === 0 ? `${amount / 1024}Ki` : String(amount);
  return canonicalQuantity(text) ?? text;
}

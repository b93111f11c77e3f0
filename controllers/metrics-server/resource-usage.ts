// What nodes and containers use, from two looks at a kubelet's /metrics/resource. Pure. Upstream: pkg/scraper and
// pkg/storage of metrics-server.
import { canonicalQuantity } from '../../machinery/quantity.ts';
import type { Pair } from './points.ts';
import { parseExposition, type Sample } from './prometheus-text.ts';

/** Of a node or a container at one moment. */
export interface Measured {
  atMs: number;
  cpuSeconds: number;
  memoryBytes: number;
  /** When a container began. */
  startMs?: number;
}

/** One look at a node: its own use, and that of its containers by `namespace/pod`. */
export interface NodeLook {
  node: Measured | undefined;
  pods: ReadonlyMap<string, ReadonlyMap<string, Measured>>;
}

export interface Usage {
  atMs: number;
  windowMs: number;
  usage: { cpu: string; memory: string };
}

/** A container that is younger than this has no rate worth telling. */
const minAgeMs = 10_000;
const freshMs = 15_000;

const fields: Readonly<Record<string, keyof Measured>> = {
  node_cpu_usage_seconds_total: 'cpuSeconds',
  node_memory_working_set_bytes: 'memoryBytes',
  container_cpu_usage_seconds_total: 'cpuSeconds',
  container_memory_working_set_bytes: 'memoryBytes',
  container_start_time_seconds: 'startMs',
};

const isWhole = (part: Partial<Measured>): part is Measured =>
  part.atMs !== undefined && part.cpuSeconds !== undefined && part.memoryBytes !== undefined;

function enter(part: Partial<Measured>, field: keyof Measured, { value, atMs }: Sample): void {
  part[field] = field === 'startMs' ? value * 1000 : value;
  // Of the moment of the CPU's figure, a rate is made.
  if (field === 'cpuSeconds' && atMs !== undefined) part.atMs = atMs;
}

/** Reads a kubelet's text. Throws for one that is malformed. */
export function readNodeLook(text: string): NodeLook {
  const node: Partial<Measured> = {};
  const pods = new Map<string, Map<string, Partial<Measured>>>();
  for (const sample of parseExposition(text)) {
    const field = fields[sample.name];
    if (!field) continue;
    if (sample.name.startsWith('node_')) {
      enter(node, field, sample);
      continue;
    }
    const { namespace = '', pod = '', container = '' } = sample.labels;
    const containers = pods.getOrInsertComputed(`${namespace}/${pod}`, () => new Map());
    enter(containers.getOrInsert(container, {}), field, sample);
  }
  const whole = [...pods].map(([key, containers]) => [key, onlyWhole(containers)] as const);
  return { node: isWhole(node) ? node : undefined, pods: new Map(whole) };
}

const onlyWhole = (containers: ReadonlyMap<string, Partial<Measured>>): Map<string, Measured> =>
  new Map([...containers].filter((one): one is [string, Measured] => isWhole(one[1])));

/** Use between two moments; undefined where that says nothing: it began anew meanwhile, or the clock stood still. */
export function usageBetween(before: Measured | undefined, last: Measured): Usage | undefined {
  const { startMs } = last;
  const ageMs = startMs === undefined ? undefined : last.atMs - startMs;
  const isYoung = ageMs !== undefined && ageMs >= minAgeMs && ageMs < freshMs;
  const from = isYoung ? { atMs: startMs!, cpuSeconds: 0 } : before;
  if (!from || from.atMs >= last.atMs || from.cpuSeconds > last.cpuSeconds) return undefined;
  if (!isYoung && startMs !== undefined && startMs > from.atMs) return undefined;
  const windowMs = last.atMs - from.atMs;
  const nanoCores = Math.round(((last.cpuSeconds - from.cpuSeconds) / windowMs) * 1e12);
  return { atMs: last.atMs, windowMs, usage: { cpu: canonicalQuantity(`${nanoCores}n`)!, memory: bytesText(last) } };
}

function bytesText({ memoryBytes }: Measured): string {
  const isKibi = memoryBytes % 1024 === 0;
  return canonicalQuantity(isKibi ? `${memoryBytes / 1024}Ki` : String(memoryBytes))!;
}

export function nodeUsage({ before, last }: Pair<NodeLook>): Usage | undefined {
  return last.value.node && usageBetween(before.value.node, last.value.node);
}

export interface PodUsage {
  atMs: number;
  windowMs: number;
  containers: { name: string; usage: Usage['usage'] }[];
}

/** A pod of which one container says nothing yet says nothing itself: the sum would be too small. */
export function podUsage({ before, last }: Pair<NodeLook>, key: string): PodUsage | undefined {
  const now = last.value.pods.get(key);
  if (!now || now.size === 0) return undefined;
  const uses = [...now].map(([name, measured]) => ({
    name,
    use: usageBetween(before.value.pods.get(key)?.get(name), measured),
  }));
  if (uses.some(({ use }) => !use)) return undefined;
  const earliest = uses.reduce((a, b) => (a.use!.atMs <= b.use!.atMs ? a : b)).use!;
  const containers = uses.map(({ name, use }) => ({ name, usage: use!.usage }));
  return { atMs: earliest.atMs, windowMs: earliest.windowMs, containers };
}

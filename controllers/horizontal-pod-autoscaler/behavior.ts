// From what is wanted to what is done: recent wishes, the pace that is allowed, and the bounds. Upstream: normalize... of
// pkg/controller/podautoscaler. https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingRules,
} from '../../api/autoscaling/horizontalpodautoscaler/schema.ts';

interface Dated {
  replicas: number;
  atMs: number;
}

/** What is remembered of one autoscaler: what was wanted, and by how many it grew and shrank. */
export interface History {
  wishes: Dated[];
  grown: Dated[];
  shrunk: Dated[];
}

export interface Wish {
  current: number;
  desired: number;
  min: number;
  max: number;
}

interface Word {
  reason: string;
  message: string;
}

export interface Verdict {
  replicas: number;
  able: Word;
  limited: Word & { isLimited: boolean };
}

const defaultDownWindowSeconds = 300;

/** What an autoscaler that was not seen before starts from: shrinking waits for a window. */
export const newHistory = (current: number, nowMs: number): History => ({
  wishes: [{ replicas: current, atMs: nowMs }],
  grown: [],
  shrunk: [],
});

const windowOf = (rules: HPAScalingRules | undefined, absent: number) =>
  (rules?.stabilizationWindowSeconds ?? absent) * 1000;

const ready: Word = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const stabilized = (way: 'Up' | 'Down'): Word => {
  const [found, applied] = way === 'Up' ? ['lower', 'lowest'] : ['higher', 'highest'];
  const message = `recent recommendations were ${found} than current one, applying the ${applied} recent recommendation`;
  return { reason: `Scale${way}Stabilized`, message };
};
const withinRange: Word = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
};
const beyond: Record<string, Word> = {
  up: {
    reason: 'ScaleUpLimit',
    message: 'the desired replica count is increasing faster than the maximum scale rate',
  },
  down: {
    reason: 'ScaleDownLimit',
    message: 'the desired replica count is decreasing faster than the maximum scale rate',
  },
  max: { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' },
  min: { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' },
};

/** What becomes of a wish. Adds it to the history. */
export function normalize(
  wish: Wish,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  history: History,
  nowMs: number,
): Verdict {
  const stable = stabilize(wish, behavior, history, nowMs);
  const way = behavior && wish.desired >= wish.current ? 'Up' : 'Down';
  const able = stable === wish.desired ? ready : stabilized(way);
  const { replicas, word } = limit({ ...wish, desired: stable }, behavior, history, nowMs);
  return { replicas, able, limited: { ...word, isLimited: replicas !== stable } };
}

/** Grows by the least and shrinks by the most that was wanted within the window of that direction. */
function stabilize(
  { current, desired }: Wish,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  history: History,
  nowMs: number,
): number {
  const upMs = windowOf(behavior?.scaleUp, 0);
  const downMs = windowOf(behavior?.scaleDown, defaultDownWindowSeconds);
  const since = (ms: number) => history.wishes.filter(({ atMs }) => atMs > nowMs - ms).map(({ replicas }) => replicas);
  const most = Math.max(desired, ...since(downMs));
  const least = Math.min(desired, ...since(upMs));
  const kept = history.wishes.filter(({ atMs }) => atMs > nowMs - Math.max(upMs, downMs));
  history.wishes = [...kept, { replicas: desired, atMs: nowMs }];
  return behavior ? Math.min(Math.max(current, least), most) : most;
}

function limit(
  { current, desired, min, max }: Wish,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  history: History,
  nowMs: number,
): { replicas: number; word: Word } {
  // Without rules: at most twice as many at a time, and four from few.
  const grownTo = (rules: HPAScalingRules | undefined) =>
    rules ? Math.max(current, bound('up', current, rules, history, nowMs)) : Math.max(2 * current, 4);
  const shrunkTo = (rules: HPAScalingRules | undefined) =>
    rules ? Math.min(current, bound('down', current, rules, history, nowMs)) : 0;
  if (desired > current || !behavior) {
    const pace = grownTo(behavior?.scaleUp);
    const most = Math.min(max, pace);
    if (desired > most) return { replicas: most, word: beyond[max > pace ? 'up' : 'max']! };
  }
  if (desired < current || !behavior) {
    const pace = shrunkTo(behavior?.scaleDown);
    const least = Math.max(min, pace);
    if (desired < least) return { replicas: least, word: beyond[min < pace ? 'down' : 'min']! };
  }
  return { replicas: desired, word: withinRange };
}

/** As far as the policies of a direction let it go. */
function bound(
  way: 'up' | 'down',
  current: number,
  { selectPolicy = 'Max', policies = [] }: HPAScalingRules,
  { grown, shrunk }: History,
  nowMs: number,
): number {
  if (selectPolicy === 'Disabled') return current;
  const within = (changes: readonly Dated[], ms: number) =>
    changes.reduce((sum, { replicas, atMs }) => sum + (atMs > nowMs - ms ? replicas : 0), 0);
  const bounds = policies.map(({ type, value, periodSeconds }) => {
    const start = current - within(grown, periodSeconds * 1000) + within(shrunk, periodSeconds * 1000);
    if (type === 'Pods') return way === 'up' ? start + value : start - value;
    // Integers first: 100 * 1.1 is more than 110.
    return way === 'up' ? Math.ceil((start * (100 + value)) / 100) : Math.trunc((start * (100 - value)) / 100);
  });
  return (way === 'up') === (selectPolicy === 'Max') ? Math.max(...bounds) : Math.min(...bounds);
}

const longestPeriodMs = (rules: HPAScalingRules | undefined) =>
  Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds)) * 1000;

/** Remembers that it was scaled, as long as a policy may ask. */
export function recordScaling(
  history: History,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  { from, to }: { from: number; to: number },
  nowMs: number,
): void {
  if (!behavior) return;
  const keptMs = Math.max(longestPeriodMs(behavior.scaleUp), longestPeriodMs(behavior.scaleDown));
  const recent = (changes: Dated[]) => changes.filter(({ atMs }) => atMs > nowMs - keptMs);
  history.grown = recent(history.grown);
  history.shrunk = recent(history.shrunk);
  (to > from ? history.grown : history.shrunk).push({ replicas: Math.abs(to - from), atMs: nowMs });
}

// A heap that has grown under load stays as large when the load is gone: V8 collects when memory is asked for, not when
// there is time. A process that rests gives back what it no longer needs, once, as long as that takes a moment only.
import type { Clock } from './clock.ts';
import type { CpuUsage } from './loop-stall.ts';

export interface Heap {
  /** What the heap takes, and what of it is in use, in bytes. */
  size(): { total: number; used: number };
  /** Collects everything there is to collect, at once. */
  collect(): void;
}

const periodMs = 15_000;
/** Less computing than this share of the time is rest. */
const restShare = 0.05;
/** It has grown by so much since the last time, else there is little to be had. */
const worthBytes = 8 * 1024 * 1024;
/**
 * In use, garbage included. Of a larger heap there may be so much to look at that others come meanwhile: it is left alone
 * but where hardly anybody comes.
 */
const largeBytes = 128 * 1024 * 1024;
const deepRestShare = 0.01;

/** Looks now and then whether the process rests. */
export function shrinkHeapAtRest(clock: Clock, cpuUsage: CpuUsage, heap: Heap): void {
  let keptBytes = 0;
  let last = cpuUsage();
  clock.every(periodMs, () => {
    const now = cpuUsage();
    const computedMs = (now.user - last.user + now.system - last.system) / 1000;
    last = now;
    const { total, used } = heap.size();
    const share = used > largeBytes ? deepRestShare : restShare;
    if (computedMs > share * periodMs || total - keptBytes < worthBytes) return;
    heap.collect();
    keptBytes = heap.size().total;
  });
}

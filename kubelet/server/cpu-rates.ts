// How much CPU time a second, from what was used in all: between the last two measurements, each of which is taken when
// somebody asks. Upstream: cpuUsageCache of pkg/kubelet/stats.

interface Sample {
  atMs: number;
  nanoseconds: number;
  rate?: number;
}

/** Two within less say little: clocks and counters tick. */
const leastMs = 1_000;

export class CpuRates {
  #before = new Map<string, Sample>();
  #now = new Map<string, Sample>();

  /** Nanoseconds of CPU time a second; undefined until there have been two measurements. */
  of(key: string, atMs: number, nanoseconds: number): number | undefined {
    const last = this.#now.get(key) ?? this.#before.get(key);
    const isNew = !last || nanoseconds < last.nanoseconds;
    const passedMs = atMs - (last?.atMs ?? 0);
    if (!isNew && passedMs < leastMs) {
      this.#now.set(key, last);
      return last.rate;
    }
    const rate = isNew ? undefined : Math.round(((nanoseconds - last.nanoseconds) * 1000) / passedMs);
    this.#now.set(key, { atMs, nanoseconds, rate });
    return rate;
  }

  /** All have been measured: who was not is gone. */
  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}

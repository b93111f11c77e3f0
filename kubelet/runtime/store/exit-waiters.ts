// Those who wait for the exit of a container or a sandbox's pause process.

export class ExitWaiters {
  #waiting = new Map<string, Set<() => void>>();

  /** Resolves when `id` has exited and its record says so. Subscribe before looking at the record. */
  next(id: string): { exited: Promise<void>; forget(): void } {
    let resolve: () => void = () => undefined;
    const exited = new Promise<void>((done) => {
      resolve = done;
    });
    const set = this.#waiting.get(id) ?? new Set();
    set.add(resolve);
    this.#waiting.set(id, set);
    const forget = () => {
      set.delete(resolve);
      if (set.size === 0 && this.#waiting.get(id) === set) this.#waiting.delete(id);
    };
    return { exited, forget };
  }

  notify(id: string): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve();
    this.#waiting.delete(id);
  }
}

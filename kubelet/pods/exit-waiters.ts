// Those who wait for the end of a container of a pod, as a follower of its log does.
import { hasExited, type RuntimeState } from './runtime-state.ts';

export class ExitWaiters {
  readonly #waiters = new Map<string, (() => void)[]>();

  /** Resolves when a container does not run any more, by a state given to `tell`. */
  wait(containerId: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.getOrInsert(containerId, []).push(resolve);
    });
  }

  /** Lets those go whose container has ended, or is gone. */
  tell({ containers }: RuntimeState): void {
    for (const [id, waiters] of this.#waiters) {
      const container = containers.find((c) => c.id === id);
      if (container && !hasExited(container)) continue;
      this.#waiters.delete(id);
      for (const resolve of waiters) resolve();
    }
  }
}

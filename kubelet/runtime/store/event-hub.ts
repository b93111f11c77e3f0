// Container events, from where they happen to who waits for the end of a container, and to the streams of
// GetContainerEvents. A slow reader is cut, not waited for: it reconnects and lists.
import type { ContainerEventType } from '../../../proto/cri.gen.ts';

export interface LifecycleEvent {
  /** A container's id, or a sandbox's own. */
  id: string;
  sandboxId: string;
  type: ContainerEventType;
  atNs: string;
}

export class EventHub {
  #listeners = new Set<(event: LifecycleEvent) => void>();

  publish(event: LifecycleEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls `listener` with every event from now on, until the answered function is called. */
  subscribe(listener: (event: LifecycleEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The end of a container from now on, when its record says so. Asked for before looking at the record. */
  nextStop(id: string): { stopped: Promise<void>; forget(): void } {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const forget = this.subscribe((event) => {
      if (event.id === id && event.type === 'CONTAINER_STOPPED_EVENT') resolve();
    });
    return { stopped, forget };
  }
}

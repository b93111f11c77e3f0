// GetContainerEvents: every step of every container and sandbox from now on, each with the state of its whole sandbox.
import { containersOf } from '../lifecycle/find.ts';
import type { LifecycleEvent } from '../store/event-hub.ts';
import { statusOf } from './container-status.ts';
import { sandboxStatusOf } from './pod-sandbox-status.ts';
import type { Verb } from './verb.ts';

/** A reader that lags behind by so many is cut: it reconnects and lists. */
const maxQueued = 10_000;

export const getContainerEvents: Verb<'GetContainerEvents'> = async function* (rt, _req, signal) {
  const queue: LifecycleEvent[] = [];
  let wake: () => void = () => undefined;
  const unsubscribe = rt.events.subscribe((event) => {
    queue.push(event);
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted && queue.length < maxQueued) {
      const event = queue.shift();
      if (!event) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const sandbox = rt.sandboxes.get(event.sandboxId);
      yield {
        container_id: event.id,
        container_event_type: event.type,
        created_at: event.atNs,
        pod_sandbox_status: sandbox ? sandboxStatusOf(sandbox) : null,
        containers_statuses: sandbox ? containersOf(rt, sandbox.id).map((c) => statusOf(rt, c)) : [],
      };
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
  }
};

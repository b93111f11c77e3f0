// Events in the newer form of events.k8s.io: an action, an exact time, and a series instead of a
// count when the same happens again. The scheduler speaks it. Upstream: client-go/tools/events.

import { EventKind } from '../api/core/event.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Logger } from '../machinery/log.ts';
import { microTimestamp } from '../machinery/timestamp.ts';
import { EventWrites, referenceTo } from './event-writes.ts';
import type { EventTarget, EventType } from './events.ts';
import type { KubeClient } from './rest.ts';

export interface SeriesEvent {
  type: EventType;
  reason: string;
  action: string;
  message: string;
}

export interface SeriesRecorder {
  /** Says that something happened. Never throws and never waits. */
  event(target: EventTarget, event: SeriesEvent): void;
}

export interface SeriesRecorderOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  controller: string;
  instance: string;
}

const repeatWindowMs = 6 * 60_000;

export function createSeriesRecorder(options: SeriesRecorderOptions): SeriesRecorder {
  const { client, clock, controller, instance } = options;
  const events = client.resource(EventKind);
  const writes = new EventWrites(options, repeatWindowMs);
  let serial = 0;
  return {
    event(target, event) {
      const { uid } = target.object.metadata;
      const key = [target.kind, uid, event.type, event.reason, event.action, event.message].join('\n');
      writes.write(key, target, {
        suffix: () => (BigInt(clock.now()) * 1_000_000n + BigInt(serial++ % 1_000_000)).toString(16),
        create: ({ name, namespace }) =>
          events.create({
            metadata: { name, namespace },
            involvedObject: referenceTo(target),
            ...event,
            eventTime: microTimestamp(clock.now()),
            reportingComponent: controller,
            reportingInstance: instance,
            source: {},
            firstTimestamp: null as unknown as string,
            lastTimestamp: null as unknown as string,
          }),
        recount: ({ name, namespace, count }) => {
          const series = { count, lastObservedTime: microTimestamp(clock.now()) };
          return events.patch({ name, namespace }, { series }, { type: 'merge' });
        },
      });
    },
  };
}

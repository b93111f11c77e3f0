// Records Events about objects. The same event again within ten minutes raises the count of the
// first one instead of making another; which are the same, and which are too many,
// event-correlator.ts says. Upstream: client-go/tools/record.

import { EventKind } from '../api/core/event.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Kind } from '../machinery/kind.ts';
import type { Logger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { timestamp } from '../machinery/timestamp.ts';
import { EventCorrelator } from './event-correlator.ts';
import { EventWrites, referenceTo } from './event-writes.ts';
import type { KubeClient } from './rest.ts';

export type EventType = 'Normal' | 'Warning';

/** The object an event is about, with its kind. `fieldPath` names a part: `spec.containers{web}`. */
export interface EventTarget {
  kind: string;
  apiVersion: string;
  object: { metadata: KubeObject['metadata'] };
  fieldPath?: string;
}

export const targetOf = ({ kind, apiVersion }: Kind, object: EventTarget['object']): EventTarget => ({
  kind,
  apiVersion,
  object,
});

/** Says that something happened. Never throws and never waits. */
export interface EventRecorder {
  event(target: EventTarget, type: EventType, reason: string, message: string): void;
}

/** How to say what happens to objects of one kind. */
export const sayingOf =
  <T extends KubeObject>(kind: Kind<T>, recorder: EventRecorder) =>
  (object: T, type: EventType, reason: string, message: string) =>
    recorder.event(targetOf(kind, object), type, reason, message);

const repeatWindowMs = 10 * 60_000;
const maxMessageLength = 1024;

export interface RecorderOptions {
  client: KubeClient;
  clock: Clock;
  log: Logger;
  /** `kubelet`, `default-scheduler`, `deployment-controller`. */
  component: string;
  /** The node, for a kubelet. */
  host?: string;
}

/** The time in nanoseconds, as events are named by it. */
function timeSuffix(clock: Clock): string {
  const nanos = BigInt(clock.now()) * 1_000_000n + BigInt(Math.floor((clock.monotonicMs() % 1) * 1e6));
  return nanos.toString(16);
}

export function createEventRecorder(options: RecorderOptions): EventRecorder {
  const { client, clock, component, host } = options;
  const events = client.resource(EventKind);
  const correlator = new EventCorrelator(clock);
  const writes = new EventWrites(options, repeatWindowMs);
  return {
    event(target, type, reason, wholeMessage) {
      const given = wholeMessage.slice(0, maxMessageLength);
      const { metadata } = target.object;
      const object = [target.kind, metadata.namespace, metadata.name, metadata.uid].join('\n');
      const fieldPath = target.fieldPath ?? '';
      const correlated = correlator.correlate({ object, fieldPath, type, reason, message: given });
      if (!correlated) return;
      const message = correlated.message.slice(0, maxMessageLength);
      writes.write(correlated.key, target, {
        suffix: () => timeSuffix(clock),
        create({ name, namespace }) {
          const time = timestamp(clock.now());
          return events.create({
            metadata: { name, namespace },
            involvedObject: referenceTo(target),
            type,
            reason,
            message,
            source: { component, ...(host ? { host } : {}) },
            reportingComponent: component,
            reportingInstance: host ?? '',
            firstTimestamp: time,
            lastTimestamp: time,
            count: 1,
            eventTime: null as unknown as string,
          });
        },
        recount: ({ name, namespace, count }) =>
          events.patch(
            { name, namespace },
            { count, message, lastTimestamp: timestamp(clock.now()) },
            { type: 'merge' },
          ),
      });
    },
  };
}

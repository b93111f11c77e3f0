// Records Events about objects. The same event again within ten minutes raises the count of the
// first one instead of making another; which are the same, and which are too many,
// event-correlator.ts says. While the server is away events wait. Upstream: client-go/tools/record.

import { LRUCache } from 'lru-cache';
import { EventKind } from '../api/core/event.ts';
import type { Clock } from '../machinery/clock.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors.ts';
import type { Kind } from '../machinery/kind.ts';
import type { Logger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { timestamp } from '../machinery/timestamp.ts';
import { EventCorrelator } from './event-correlator.ts';
import type { KubeClient } from './rest.ts';
import { TransportError } from './transport.ts';

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

interface Known {
  name: string;
  namespace: string;
  count: number;
  /** Where the write of the last count is up to. */
  work: Promise<void>;
}

const repeatWindowMs = 10 * 60_000;
const maxKnown = 4096;
const maxPending = 1000;
const maxMessageLength = 1024;
const maxTries = 12;
const retryMs = 10_000;

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

/** Writes an event as soon as there is a server to write to. One that answers is believed. */
export async function writeWhenReached(write: () => Promise<unknown>, clock: Clock): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await write();
      return;
    } catch (err) {
      if (tries > 1 && isAlreadyExists(err)) return; // only the answer to the try before was lost
      if (!(err instanceof TransportError) || tries === maxTries) throw err;
    }
    await new Promise<void>((resolve) => clock.after(retryMs, resolve));
  }
}

export function createEventRecorder(options: RecorderOptions): EventRecorder {
  const { client, clock, log, component, host } = options;
  const events = client.resource(EventKind);
  const correlator = new EventCorrelator(clock);
  const known = new LRUCache<string, Known>({
    max: maxKnown,
    ttl: repeatWindowMs,
    ttlResolution: 0,
    perf: { now: () => clock.now() },
  });
  let pending = 0;

  const createEvent = async (
    target: EventTarget,
    entry: Known,
    fields: { type: EventType; reason: string; message: string },
  ) => {
    const { metadata } = target.object;
    const time = timestamp(clock.now());
    await events.create({
      metadata: { name: entry.name, namespace: entry.namespace },
      involvedObject: {
        kind: target.kind,
        apiVersion: target.apiVersion,
        ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
        name: metadata.name ?? '',
        uid: metadata.uid ?? '',
        ...(metadata.resourceVersion ? { resourceVersion: metadata.resourceVersion } : {}),
        ...(target.fieldPath ? { fieldPath: target.fieldPath } : {}),
      },
      ...fields,
      source: { component, ...(host ? { host } : {}) },
      reportingComponent: component,
      reportingInstance: host ?? '',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      eventTime: null as unknown as string,
    });
  };

  const recount = async (entry: Known, message: string) => {
    const { name, namespace, count } = entry;
    await events.patch(
      { name, namespace },
      { count, message, lastTimestamp: timestamp(clock.now()) },
      { type: 'merge' },
    );
  };

  const submit = (key: string, entry: Known, write: () => Promise<void>) => {
    if (pending >= maxPending) return;
    pending++;
    entry.work = entry.work
      .then(() => writeWhenReached(write, clock))
      .catch((err) => {
        // A namespace that is going away takes no events.
        known.delete(key);
        if (!isNotFound(err)) log.debug({ err }, 'event not recorded');
      });
    void entry.work.finally(() => pending--);
  };

  return {
    event(target, type, reason, fullMessage) {
      const { metadata } = target.object;
      const object = [target.kind, metadata.namespace, metadata.name, metadata.uid].join('\n');
      const fieldPath = target.fieldPath ?? '';
      const correlated = correlator.correlate({ object, fieldPath, type, reason, message: fullMessage });
      if (!correlated) return;
      const { key } = correlated;
      const message = correlated.message.slice(0, maxMessageLength);
      const seen = known.get(key);
      if (seen) {
        seen.count++;
        submit(key, seen, () => recount(seen, message));
        return;
      }
      const entry: Known = {
        name: `${metadata.name}.${timeSuffix(clock)}`,
        namespace: metadata.namespace || 'default',
        count: 1,
        work: Promise.resolve(),
      };
      known.set(key, entry);
      submit(key, entry, () => createEvent(target, entry, { type, reason, message }));
    },
  };
}

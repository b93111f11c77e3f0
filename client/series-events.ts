// Events in the newer form of events.k8s.io: an action, an exact time, and a series instead of a
// count when the same happens again. The scheduler speaks it. Upstream: client-go/tools/events.

import { LRUCache } from 'lru-cache';
import { EventKind } from '../api/core/event.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Logger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { microTimestamp } from '../machinery/timestamp.ts';
import { type EventTarget, type EventType, writeWhenReached } from './events.ts';
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
const maxKnown = 4096;
const maxPending = 1000;

interface Known {
  name: string;
  namespace: string;
  count: number;
  work: Promise<unknown>;
}

export function createSeriesRecorder(options: SeriesRecorderOptions): SeriesRecorder {
  const { client, clock, log, controller, instance } = options;
  const events = client.resource(EventKind);
  const known = new LRUCache<string, Known>({
    max: maxKnown,
    ttl: repeatWindowMs,
    ttlResolution: 0,
    perf: { now: () => clock.now() },
  });
  let pending = 0;
  let serial = 0;
  const create = (target: EventTarget, entry: Known, event: SeriesEvent) => {
    const { metadata } = target.object as { metadata: KubeObject['metadata'] };
    const { resourceVersion, name = '', uid = '', namespace } = metadata;
    return events.create({
      metadata: { name: entry.name, namespace: entry.namespace },
      involvedObject: {
        kind: target.kind,
        apiVersion: target.apiVersion,
        name,
        uid,
        ...(namespace ? { namespace } : {}),
        ...(resourceVersion ? { resourceVersion } : {}),
      },
      ...event,
      eventTime: microTimestamp(clock.now()),
      reportingComponent: controller,
      reportingInstance: instance,
      source: {},
      firstTimestamp: null as unknown as string,
      lastTimestamp: null as unknown as string,
    });
  };
  const prolong = (entry: Known) => {
    const { name, namespace, count } = entry;
    const series = { count, lastObservedTime: microTimestamp(clock.now()) };
    return events.patch({ name, namespace }, { series }, { type: 'merge' });
  };
  const submit = (key: string, entry: Known, write: () => Promise<unknown>) => {
    if (pending >= maxPending) return;
    pending++;
    entry.work = entry.work
      .then(() => writeWhenReached(write, clock))
      .catch((err) => {
        known.delete(key);
        log.debug({ err }, 'event not recorded');
      })
      .finally(() => pending--);
  };
  return {
    event(target, event) {
      const { metadata } = target.object;
      const key = [target.kind, metadata.uid, event.type, event.reason, event.action, event.message].join('\n');
      const seen = known.get(key);
      if (seen) {
        seen.count++;
        submit(key, seen, () => prolong(seen));
        return;
      }
      const suffix = (BigInt(clock.now()) * 1_000_000n + BigInt(serial++ % 1_000_000)).toString(16);
      const namespace = metadata.namespace || 'default';
      const entry: Known = { name: `${metadata.name}.${suffix}`, namespace, count: 1, work: Promise.resolve() };
      known.set(key, entry);
      submit(key, entry, () => create(target, entry, event));
    },
  };
}

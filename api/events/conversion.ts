// Between the two forms of an event. They carry the same facts under other names.
// Upstream: pkg/apis/events/v1/conversion.go.
import type { Event } from '../core/event.ts';
import type { EventsEvent } from './event.ts';

// [events.k8s.io, core]
const renamedFields = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedCount', 'count'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedSource', 'source'],
] as const;

export function eventToStorage(event: EventsEvent): Event {
  return rename(event, 'v1', new Map(renamedFields));
}

export function eventFromStorage(event: Event): EventsEvent {
  return rename(event, 'events.k8s.io/v1', new Map(renamedFields.map(([theirs, ours]) => [ours, theirs])));
}

function rename(event: object, apiVersion: string, names: ReadonlyMap<string, string>): any {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(event)) out[names.get(key) ?? key] = value;
  out.apiVersion = apiVersion;
  return out;
}

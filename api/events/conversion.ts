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

// Always written in the core form, left out when empty in the other.
const emptyableFields = ['reportingComponent', 'reportingInstance'] as const;

export function eventToStorage(event: EventsEvent): Event {
  const out = rename(event, 'v1', new Map(renamedFields));
  for (const field of emptyableFields) out[field] ??= '';
  return out as unknown as Event;
}

export function eventFromStorage(event: Event): EventsEvent {
  const names = new Map(renamedFields.map(([theirs, ours]) => [ours, theirs]));
  const present = Object.entries(event).filter(([, value]) => value !== '');
  return rename(Object.fromEntries(present), 'events.k8s.io/v1', names) as unknown as EventsEvent;
}

function rename(event: object, apiVersion: string, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(event)) out[names.get(key) ?? key] = value;
  out.apiVersion = apiVersion;
  return out;
}

// The events.k8s.io form of Event.
// The same stored objects as core Events under clearer names; conversion.ts goes between the two.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import { eventSource } from '../core/event/source.ts';
import { objectReference } from '../core/object-reference.ts';
import type { ObjectOf } from '../meta/object.ts';

const eventsEventSeries = s.api('events.v1.EventSeries', 'Repetitions of an event.', {
  count: s.int32('How many so far.', mandatory),
  lastObservedTime: s.microTime('When the last one was seen.', mandatory),
});

export const eventsEventSchema = s.api('events.v1.Event', 'Something that happened to an object.', {
  ...objectFields,
  action: s.string('What was done or failed.'),
  deprecatedCount: s.int32("Count of the core API's events."),
  deprecatedFirstTimestamp: s.time("First time of the core API's events.", { always: true }),
  deprecatedLastTimestamp: s.time("Last time of the core API's events.", { always: true }),
  deprecatedSource: s.field(eventSource, "Source of the core API's events.", { always: true }),
  eventTime: s.microTime('When it was first observed.', mandatory),
  note: s.string('What happened, for people.'),
  reason: s.string('Why, in one word.'),
  regarding: s.field(objectReference, 'The object it is about.', { always: true }),
  related: s.field(objectReference, 'A second object it is about.'),
  reportingController: s.string('Controller that reports it.'),
  reportingInstance: s.string('Instance of the controller.'),
  series: s.field(eventsEventSeries, 'Repetitions.'),
  type: s.string('Normal or Warning.'),
});
export interface EventsEvent extends ObjectOf<typeof eventsEventSchema> {}

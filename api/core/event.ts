// Event: something that happened to an object.
// One kind served in two groups: kept in this form, converted for events.k8s.io. Events expire after an hour.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
import { defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import { eventFromStorage, eventToStorage } from '../events/conversion.ts';
import { eventsEventSchema } from '../events/event.ts';
import type { ObjectOf } from '../meta/object.ts';
import { eventColumns } from './event/columns.ts';
import { eventFields } from './event/fields.ts';
import { eventSource } from './event/source.ts';
import { validateEvent, validateStrictEvent } from './event/validation.ts';
import { objectReference } from './object-reference.ts';

const eventSeries = s.api('core.v1.EventSeries', 'Repetitions of an event.', {
  count: s.int32('How many so far.'),
  lastObservedTime: s.microTime('When the last one was seen.', { always: true }),
});

const schema = s.api('core.v1.Event', 'Something that happened to an object.', {
  ...typeMeta,
  action: s.string('What was done or failed.'),
  count: s.int32('How often it happened.'),
  eventTime: s.microTime('When it was first observed.', { always: true }),
  firstTimestamp: s.time('When it first happened.', { always: true }),
  involvedObject: s.field(objectReference, 'The object it is about.', mandatory),
  lastTimestamp: s.time('When it last happened.', { always: true }),
  message: s.string('What happened, for people.'),
  metadata: s.field(objectMeta, 'Standard object metadata.', mandatory),
  reason: s.string('Why, in one word.'),
  related: s.field(objectReference, 'A second object it is about.'),
  reportingComponent: s.string('Controller that reports it.', { always: true }),
  reportingInstance: s.string('Instance of the controller.', { always: true }),
  series: s.field(eventSeries, 'Repetitions.'),
  source: s.field(eventSource, 'Component that reports it.', { always: true }),
  type: s.string('Normal or Warning.'),
});
export interface Event extends ObjectOf<typeof schema> {}

export const EventKind = defineKind<Event>({
  kind: 'Event',
  plural: 'events',
  scope: 'Namespaced',
  shortNames: ['ev'],
  served: [
    { group: '', version: 'v1', schema },
    {
      group: 'events.k8s.io',
      version: 'v1',
      schema: eventsEventSchema,
      toStorage: eventToStorage,
      fromStorage: eventFromStorage,
      validate: validateStrictEvent,
    },
  ],
  // An event is called after its object, and objects may have any name that fits in a path.
  nameRule: 'path',
  allowCreateOnUpdate: true,
  isNeverCollected: true,
  selectableFields: eventFields,
  columns: eventColumns,
  validate: validateEvent,
});

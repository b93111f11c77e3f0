// What `kubectl get events` shows: the only table whose Name stands last.
// Upstream: printEvent in pkg/printers/internalversion.
import { formatAge } from '../../../machinery/duration.ts';
import type { Column } from '../../../machinery/kind.ts';
import type { Event } from '../event.ts';

const firstSeen = (event: Event) => event.firstTimestamp || event.eventTime;
const lastSeen = (event: Event) => event.series?.lastObservedTime || event.lastTimestamp || firstSeen(event);

function showObject({ involvedObject }: Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
}

function showSource(event: Event): string {
  const component = event.source?.component || event.reportingComponent || '';
  const instance = event.source?.host || event.reportingInstance || '';
  return instance ? `${component}, ${instance}` : component;
}

export const eventColumns: readonly Column<Event>[] = [
  {
    name: 'Last Seen',
    type: 'string',
    doc: 'Time since it last happened.',
    cell: (event, { nowMs }) => formatAge(lastSeen(event), nowMs),
  },
  { name: 'Type', type: 'string', doc: 'Normal or Warning.', cell: (event) => event.type ?? '' },
  { name: 'Reason', type: 'string', doc: 'Why, in one word.', cell: (event) => event.reason ?? '' },
  { name: 'Object', type: 'string', doc: 'The object it is about.', cell: showObject },
  {
    name: 'Subobject',
    type: 'string',
    priority: 1,
    doc: 'The part of the object it is about.',
    cell: (event) => event.involvedObject?.fieldPath ?? '',
  },
  { name: 'Source', type: 'string', priority: 1, doc: 'Who reports it.', cell: showSource },
  { name: 'Message', type: 'string', doc: 'What happened.', cell: (event) => (event.message ?? '').trim() },
  {
    name: 'First Seen',
    type: 'string',
    priority: 1,
    doc: 'Time since it first happened.',
    cell: (event, { nowMs }) => formatAge(firstSeen(event), nowMs),
  },
  {
    name: 'Count',
    type: 'string',
    priority: 1,
    doc: 'How often it happened.',
    // Events of the new API carry no count while they happened once.
    cell: (event) => event.series?.count ?? (event.count || 1),
  },
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    priority: 1,
    doc: 'Name of the event.',
    cell: (event) => event.metadata.name ?? '',
  },
];

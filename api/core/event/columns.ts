// What `kubectl get events` shows: the only table whose Name stands last.
// Upstream: printEvent in pkg/printers/internalversion.
import { formatAge } from '../../../machinery/duration.ts';
import { type Column, column, wideColumn } from '../../../machinery/kind.ts';
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
  column('Last Seen', 'string', 'Time since it last happened.', (event, { nowMs }) =>
    formatAge(lastSeen(event), nowMs),
  ),
  column('Type', 'string', 'Normal or Warning.', (event) => event.type ?? ''),
  column('Reason', 'string', 'Why, in one word.', (event) => event.reason ?? ''),
  column('Object', 'string', 'The object it is about.', showObject),
  wideColumn(
    'Subobject',
    'string',
    'The part of the object it is about.',
    (event) => event.involvedObject?.fieldPath ?? '',
  ),
  wideColumn('Source', 'string', 'Who reports it.', showSource),
  column('Message', 'string', 'What happened.', (event) => (event.message ?? '').trim()),
  wideColumn('First Seen', 'string', 'Time since it first happened.', (event, { nowMs }) =>
    formatAge(firstSeen(event), nowMs),
  ),
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

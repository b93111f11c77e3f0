// Fields that events are selected by, under the names of both groups.

import type { Event } from '../event.ts';
import type { ObjectReference } from '../object-reference.ts';

type FieldReader = (event: Event) => string;

const referenceFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

function referenceReaders(prefix: string): Record<string, FieldReader> {
  const read = (field: keyof ObjectReference) => (event: Event) => event.involvedObject?.[field] ?? '';
  return Object.fromEntries(referenceFields.map((field) => [`${prefix}.${field}`, read(field)]));
}

const reportingComponent: FieldReader = (event) => event.reportingComponent || event.source?.component || '';

export const eventFields: Record<string, FieldReader> = {
  ...referenceReaders('involvedObject'),
  ...referenceReaders('regarding'),
  reason: (event) => event.reason ?? '',
  reportingComponent,
  reportingController: reportingComponent,
  source: (event) => event.source?.component || event.reportingComponent || '',
  type: (event) => event.type ?? '',
};

// Validation of events. Those of the newer API have an eventTime and must be complete; older ones
// are let through as they come. Upstream: pkg/apis/core/validation/events.go.
import { type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { validateQualifiedName } from '../../meta/checks.ts';
import type { Event } from '../event.ts';

const maxNameLength = 128;
const maxMessageLength = 1024;

export function validateEvent(event: Event): FieldError[] {
  return [...validateNamespace(event), ...(event.eventTime ? validateNewEvent(event) : [])];
}

function validateNamespace(event: Event): FieldError[] {
  const own = event.metadata.namespace ?? '';
  const theirs = event.involvedObject?.namespace ?? '';
  const isClusterWide = theirs === '' && ['', 'default', ...(event.eventTime ? ['kube-system'] : [])].includes(own);
  if (isClusterWide || own === theirs) return [];
  return [invalid('involvedObject.namespace', theirs, 'does not match event.namespace')];
}

function validateNewEvent(event: Event): FieldError[] {
  const errors: FieldError[] = [];
  if (!event.reportingComponent) errors.push(required('reportingController'));
  else errors.push(...validateQualifiedName(event.reportingComponent, 'reportingController'));
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const value = event[field] ?? '';
    if (!value) errors.push(required(field));
    else if (value.length > maxNameLength) {
      errors.push(invalid(field, '', `can have at most ${maxNameLength} characters`));
    }
  }
  if ((event.message ?? '').length > maxMessageLength) {
    errors.push(invalid('message', '', `can have at most ${maxMessageLength} characters`));
  }
  return errors;
}

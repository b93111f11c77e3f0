// Validation of events. Those with an eventTime must be complete, older ones are let through as they come, and the newer
// API asks for more. Upstream: pkg/apis/core/validation/events.go.
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { validateQualifiedName } from '../../meta/checks.ts';
import { checkName, validateImmutable } from '../../meta/validation.ts';
import type { Event } from '../event.ts';

const maxNameLength = 128;
const maxMessageLength = 1024;

export function validateEvent(event: Event): FieldError[] {
  return [...validateNamespace(event), ...(event.eventTime ? validateNewEvent(event) : [])];
}

function validateNamespace({ metadata, involvedObject, eventTime }: Event): FieldError[] {
  const own = metadata.namespace ?? '';
  const theirs = involvedObject?.namespace ?? '';
  const isRight = eventTime
    ? theirs !== '' || ['default', 'kube-system'].includes(own)
    : own === theirs || (theirs === '' && own === 'default');
  return isRight ? [] : [invalid('involvedObject.namespace', theirs, 'does not match event.namespace')];
}

function validateNewEvent(event: Event): FieldError[] {
  const errors: FieldError[] = [];
  if (!event.reportingComponent) errors.push(required('reportingController'));
  append(errors, validateQualifiedName(event.reportingComponent ?? '', 'reportingController'));
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

function validateSeries({ series }: Event): FieldError[] {
  if (!series) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ];
}

// By their names in messages; one has another in the form that is kept.
const fixedTexts = ['reason', 'message', 'type', 'action', 'reportingController', 'reportingInstance'] as const;
const fixedTimes = ['firstTimestamp', 'lastTimestamp', 'eventTime'] as const;
const fixedValues = ['involvedObject', 'source', 'count', 'related', ...fixedTimes] as const;
const textOf = (event: Event, name: (typeof fixedTexts)[number]) =>
  event[name === 'reportingController' ? 'reportingComponent' : name] ?? '';

/** What a write by events.k8s.io/v1 is refused for besides: of a change all but the series. */
export function validateStrictEvent(event: Event, old?: Event): FieldError[] {
  if (old) {
    return [
      ...(jsonEqual(event.series, old.series) ? [] : validateSeries(event)),
      ...fixedValues.flatMap((name) => validateImmutable(event[name] ?? null, old[name] ?? null, name)),
      ...fixedTexts.flatMap((name) => validateImmutable(textOf(event, name), textOf(old, name), name)),
    ];
  }
  const { metadata, source } = event;
  const { name = '' } = metadata;
  const unset = (field: string, value: unknown) => (value ? [invalid(field, '', 'needs to be unset')] : []);
  const isKnown = event.type === 'Normal' || event.type === 'Warning';
  return [
    ...checkName(name, 'subdomain').map((why) => invalid('metadata.name', name, why)),
    ...validateSeries(event),
    ...(event.eventTime ? [] : [required('eventTime')]),
    ...(isKnown ? [] : [invalid('type', '', `has invalid value: ${event.type ?? ''}`)]),
    ...unset('firstTimestamp', event.firstTimestamp),
    ...unset('lastTimestamp', event.lastTimestamp),
    ...unset('count', event.count),
    ...unset('source', source?.component || source?.host),
  ];
}

// Validation of cron jobs. Upstream: ValidateCronJobCreate and ValidateCronJobUpdate in pkg/apis/batch/validation.
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import { validateWord } from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import { validateJobTemplate } from '../job/validation.ts';
import { parseSchedule, ScheduleError } from './schedule.ts';
import type { CronJob, CronJobSpec } from './schema.ts';

// Its jobs are named after it with the minute they are due, eleven characters.
const maxNameLength = 52;

export function validateCronJob({ metadata, spec }: CronJob, old?: CronJob): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.schedule) errors.push(required('spec.schedule'));
  else append(errors, [...validateSchedule(spec.schedule), ...validateZoneInSchedule(spec, old?.spec)]);
  append(errors, validateNonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'));
  if (!old || spec.timeZone !== old.spec.timeZone) append(errors, validateTimeZone(spec.timeZone, 'spec.timeZone'));
  append(errors, validateWord(spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'], 'spec.concurrencyPolicy'));
  append(errors, validateJobTemplate(spec.jobTemplate.spec ?? ({} as never)));
  append(errors, validateNonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'));
  append(errors, validateNonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'));
  const name = metadata.name ?? '';
  if (!old && byteLength(name) > maxNameLength) {
    errors.push(invalid('metadata.name', name, `must be no more than ${maxNameLength} characters`));
  }
  return errors;
}

function validateSchedule(schedule: string): FieldError[] {
  try {
    parseSchedule(schedule);
    return [];
  } catch (err) {
    if (!(err instanceof ScheduleError)) throw err;
    return [invalid('spec.schedule', schedule, err.message)];
  }
}

/** A zone in the schedule itself is only let be where it was before there was a field for it. */
function validateZoneInSchedule(spec: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  if (!spec.schedule.includes('TZ')) return [];
  if (!old?.schedule.includes('TZ')) {
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    return [invalid('spec.schedule', spec.schedule, detail)];
  }
  if (spec.timeZone === undefined) return [];
  return [invalid('spec.schedule', spec.schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule')];
}

const zoneNamePart = /^[A-Za-z._0-9+][A-Za-z._\-0-9+]{0,13}$/;

function validateTimeZone(zone: string | undefined, path: string): FieldError[] {
  if (zone === undefined) return [];
  if (zone === '') return [invalid(path, zone, 'timeZone must be nil or non-empty string')];
  const parts = zone.split('/');
  const unknown = invalid(path, zone, `unknown time zone ${zone}`);
  if (parts.some((part) => part === '.' || part === '..' || !zoneNamePart.test(part))) return [unknown];
  const errors: FieldError[] = [];
  if (zone.toLowerCase() === 'local') {
    const detail = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    errors.push(invalid(path, zone, detail));
  }
  if (zone !== 'Local' && !isTimeZone(zone)) errors.push(unknown);
  return errors;
}

/** Whether the zone database has a zone of that name, in this spelling. */
function isTimeZone(zone: string): boolean {
  // Offsets are no names.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions();
    return timeZone === zone || timeZone.toLowerCase() !== zone.toLowerCase();
  } catch {
    return false;
  }
}

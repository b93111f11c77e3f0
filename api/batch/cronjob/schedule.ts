// Reads the schedule of a cron job: five fields, or a word like @daily. What it complains about it says in the words of
// the parser that Kubernetes uses, github.com/robfig/cron/v3, since people search for them.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
import { DurationError, parseGoDuration } from '../../../machinery/duration.ts';

/** Times at which all fields match; where both kinds of day are restricted, one of them is enough. */
export interface CalendarSchedule {
  minutes: readonly number[];
  hours: readonly number[];
  daysOfMonth: readonly number[];
  months: readonly number[];
  /** 0 is Sunday. */
  daysOfWeek: readonly number[];
  /** The field is a star: it restricts nothing, also where the other one does. */
  anyDayOfMonth: boolean;
  anyDayOfWeek: boolean;
}

export interface IntervalSchedule {
  everyMs: number;
}

/** The text is no schedule. */
export class ScheduleError extends Error {}

interface Field {
  first: number;
  last: number;
  names: readonly string[];
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const fields: readonly Field[] = [
  { first: 0, last: 59, names: [] },
  { first: 0, last: 23, names: [] },
  { first: 1, last: 31, names: [] },
  { first: 1, last: 12, names: monthNames },
  { first: 0, last: 6, names: dayNames },
];

const descriptors: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);
const every = '@every ';
const zonePrefix = /^(?:CRON_)?TZ=/;

/** Throws ScheduleError. A time zone in front is read over; it belongs into a field of its own. */
export function parseSchedule(text: string): CalendarSchedule | IntervalSchedule {
  if (text === '') throw new ScheduleError('empty spec string');
  const spec = zonePrefix.test(text) ? text.replace(/^\S*/, '').trim() : text;
  if (spec.startsWith('@')) {
    const plain = descriptors.get(spec);
    if (plain) return parseFields(plain);
    if (spec.startsWith(every)) return { everyMs: parseInterval(spec) };
    throw new ScheduleError(`unrecognized descriptor: ${spec}`);
  }
  return parseFields(spec);
}

function parseInterval(spec: string): number {
  try {
    return Math.max(1000, Math.trunc(parseGoDuration(spec.slice(every.length)) / 1000) * 1000);
  } catch (err) {
    if (!(err instanceof DurationError)) throw err;
    throw new ScheduleError(`failed to parse duration ${spec}: ${err.message}`);
  }
}

function parseFields(spec: string): CalendarSchedule {
  const words = spec.split(/\s+/).filter((word) => word !== '');
  if (words.length !== fields.length) {
    const problem = `expected exactly ${fields.length} fields, found ${words.length}: [${words.join(' ')}]`;
    throw new ScheduleError(problem);
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = words.map((word, i) => parseField(word, fields[i]!));
  return {
    minutes: minutes!.values,
    hours: hours!.values,
    daysOfMonth: daysOfMonth!.values,
    months: months!.values,
    daysOfWeek: daysOfWeek!.values,
    anyDayOfMonth: daysOfMonth!.isStar,
    anyDayOfWeek: daysOfWeek!.isStar,
  };
}

function parseField(word: string, field: Field): { values: number[]; isStar: boolean } {
  const values = new Set<number>();
  let isStar = false;
  for (const part of word.split(',')) {
    if (part === '') continue;
    const range = parseRange(part, field);
    isStar ||= range.isStar;
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
  }
  return { values: [...values].sort((a, b) => a - b), isStar };
}

function parseRange(part: string, field: Field): { start: number; end: number; step: number; isStar: boolean } {
  const [bounds = '', stepText, ...moreSteps] = part.split('/');
  const [low = '', high, ...moreHigh] = bounds.split('-');
  let isStar = low === '*' || low === '?';
  let start = field.first;
  let end = field.last;
  if (!isStar) {
    start = parseNumber(low, field.names, field.first);
    if (moreHigh.length > 0) throw new ScheduleError(`too many hyphens: ${part}`);
    end = high === undefined ? start : parseNumber(high, field.names, field.first);
  }
  if (moreSteps.length > 0) throw new ScheduleError(`too many slashes: ${part}`);
  let step = 1;
  if (stepText !== undefined) {
    step = parseNumber(stepText, [], 0);
    // "N/step" goes on to the end.
    if (high === undefined) end = field.last;
    if (step > 1) isStar = false;
  }
  if (start < field.first) throw rangeError(`beginning of range (${start}) below minimum (${field.first})`, part);
  if (end > field.last) throw rangeError(`end of range (${end}) above maximum (${field.last})`, part);
  if (start > end) throw rangeError(`beginning of range (${start}) beyond end of range (${end})`, part);
  if (step === 0) throw rangeError('step of range should be a positive number', part);
  return { start, end, step, isStar };
}

const rangeError = (problem: string, part: string) => new ScheduleError(`${problem}: ${part}`);

/** A number, or a name that stands for one, counted from `first`. */
function parseNumber(text: string, names: readonly string[], first: number): number {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + first;
  const refuse = (why: string) =>
    new ScheduleError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw refuse('invalid syntax');
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw refuse('value out of range');
  if (value < 0) throw new ScheduleError(`negative number (${value}) not allowed: ${text}`);
  return value;
}

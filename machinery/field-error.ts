// Validation errors that name the field, as apimachinery's field.Error: their texts reach the users of kubectl.
// Validation functions return lists of these and never throw.
import { goJson } from './go-json.ts';
import { goQuote } from './go-quote.ts';
import { writeJson } from './json.ts';

export type FieldErrorType =
  | 'Required'
  | 'Invalid'
  | 'TypeInvalid'
  | 'NotSupported'
  | 'Duplicate'
  | 'NotFound'
  | 'Forbidden'
  | 'TooLong'
  | 'TooMany'
  | 'Internal';

export interface FieldError {
  readonly type: FieldErrorType;
  /** `spec.containers[0].name` */
  readonly field: string;
  /** What a Status cause says: the error without the field in front. */
  readonly detail: string;
  /** What stood before may stay: the client is told, and not refused. */
  readonly isWarning?: true;
}

// The reason of the error's cause in a Status.
export const causeReasons: Record<FieldErrorType, string> = {
  Required: 'FieldValueRequired',
  Invalid: 'FieldValueInvalid',
  TypeInvalid: 'FieldValueTypeInvalid',
  NotSupported: 'FieldValueNotSupported',
  Duplicate: 'FieldValueDuplicate',
  NotFound: 'FieldValueNotFound',
  Forbidden: 'FieldValueForbidden',
  TooLong: 'FieldValueTooLong',
  TooMany: 'FieldValueTooMany',
  Internal: 'InternalError',
};

/** A value as error texts show it: strings quoted, everything else as JSON. */
function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'string') return goQuote(value);
  return typeof value === 'object' ? goJson(value) : writeJson(value);
}

/** The field and what is wrong with it, as texts of several errors have it. */
export const showError = ({ field, detail }: FieldError): string => `${field}: ${detail}`;

/** Adds to a list, which may get long: a call cannot have as many arguments as a client can make mistakes. */
export function append<T>(list: T[], more: Iterable<T>): void {
  for (const item of more) list.push(item);
}

const withDetail = (head: string, detail: string) => (detail ? `${head}: ${detail}` : head);

/** Of an object with more mistakes nobody looks for the rest: to find and name each of a million holds up everybody else. */
export const enoughErrors = 5_000;

class EnoughErrorsError extends Error {}

let found: FieldError[] | undefined;

function note(error: FieldError): FieldError {
  if (found && found.push(error) >= enoughErrors) throw new EnoughErrorsError();
  return error;
}

/** What `find` finds, or the first errors that it makes, where they are many. It must not let go of any that it makes. */
export function findErrors(find: () => FieldError[]): FieldError[] {
  const made: FieldError[] = [];
  found = made;
  try {
    return find();
  } catch (err) {
    if (err instanceof EnoughErrorsError) return made;
    throw err;
  } finally {
    found = undefined;
  }
}

/** The text is made when it is read: each of many errors may show a large value, and few of them are told. */
const lazily = (type: FieldErrorType, field: string, write: () => string): FieldError =>
  note({
    type,
    field,
    get detail() {
      return write();
    },
  });
const plainly = (type: FieldErrorType, field: string, detail: string): FieldError => note({ type, field, detail });

export const required = (field: string, detail = ''): FieldError =>
  plainly('Required', field, withDetail('Required value', detail));
export const invalid = (field: string, value: unknown, detail: string): FieldError =>
  lazily('Invalid', field, () => withDetail(`Invalid value: ${showValue(value)}`, detail));
/** Of a part as a whole, which the text does not show. */
export const invalidAsWhole = (field: string, detail: string): FieldError =>
  plainly('Invalid', field, `Invalid value: ${detail}`);
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError =>
  lazily('NotSupported', field, () => {
    const list = supported.map(goQuote).join(', ');
    return withDetail(`Unsupported value: ${showValue(value)}`, list && `supported values: ${list}`);
  });
export const duplicate = (field: string, value: unknown, detail = ''): FieldError =>
  lazily('Duplicate', field, () => withDetail(`Duplicate value: ${showValue(value)}`, detail));
export const notFound = (field: string, value: unknown, detail = ''): FieldError =>
  plainly('NotFound', field, withDetail(`Not found: ${showValue(value)}`, detail));
export const forbidden = (field: string, detail: string): FieldError =>
  plainly('Forbidden', field, withDetail('Forbidden', detail));
export const tooLong = (field: string, maxLength: number): FieldError =>
  plainly('TooLong', field, `Too long: may not be more than ${maxLength} bytes`);
export const tooMany = (field: string, actual: number, max: number): FieldError =>
  plainly('TooMany', field, `Too many: ${actual}: must have at most ${max} items`);

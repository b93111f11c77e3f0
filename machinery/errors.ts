// The one wire error of the API: reason, code and details, with a factory for each reason that we give.
// It becomes a metav1.Status only at the HTTP edge; the client turns a Status back into a StatusError.
// https://kubernetes.io/docs/reference/using-api/api-concepts/ and apimachinery's api/errors.
import { causeReasons, enoughErrors, type FieldError } from './field-error.ts';
import { goQuote } from './go-quote.ts';

type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'
  | '';

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** A metav1.Status as it goes over the wire. */
export interface StatusBody {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: StatusReason;
  details?: StatusDetails;
  code: number;
}

export class StatusError extends Error {
  readonly code: number;
  readonly reason: StatusReason;
  readonly details: StatusDetails | undefined;
  /** Continue token of an expired list, from which an inconsistent rest can be read. */
  readonly continueToken: string | undefined;

  constructor(
    code: number,
    reason: StatusReason,
    message: string,
    options: { details?: StatusDetails; cause?: unknown; continueToken?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = options.details;
    this.continueToken = options.continueToken;
  }

  toStatus(): StatusBody {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken ? { continue: this.continueToken } : {},
      status: 'Failure',
      message: this.message,
      ...(this.reason ? { reason: this.reason } : {}),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

/** Rebuilds the error from a Status that a server sent. */
export function statusErrorFrom(body: Partial<StatusBody>, httpCode: number): StatusError {
  const details = body.details;
  return new StatusError(body.code ?? httpCode, body.reason ?? '', body.message ?? `the server answered ${httpCode}`, {
    ...(details ? { details } : {}),
    ...(body.metadata?.continue ? { continueToken: body.metadata.continue } : {}),
  });
}

/** Group and plural resource name, as error texts show it: `deployments.apps`, `pods`. */
export interface GroupResource {
  group: string;
  resource: string;
}

const shown = (r: GroupResource) => (r.group ? `${r.resource}.${r.group}` : r.resource);
const detailsOf = (r: GroupResource, name: string): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(r.group ? { group: r.group } : {}),
  ...(r.resource ? { kind: r.resource } : {}),
});

export const notFoundError = (r: GroupResource, name: string) =>
  new StatusError(404, 'NotFound', `${shown(r)} ${goQuote(name)} not found`, { details: detailsOf(r, name) });

/** The answer for a path that no resource serves. */
export const unknownPathError = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', { details: {} });

/** The answer for a path below which nothing is served at all: text, as Go's http.NotFound writes it. */
export class PageNotFoundError extends StatusError {
  constructor() {
    const { code, reason, message, details } = unknownPathError();
    super(code, reason, message, { details: details! });
  }
}

/** The same as long as not every path is known yet; upstream: the notfoundhandler. */
export const earlyPathError = () =>
  new StatusError(
    503,
    'ServiceUnavailable',
    'the request has been made before all known HTTP paths have been installed, please try again',
    { details: { retryAfterSeconds: 5 } },
  );

/** Nothing stands at that path for the method; upstream: what go-restful answers for what is built in. */
export const methodNotRoutedError = () =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });

export const alreadyExistsError = (r: GroupResource, name: string) =>
  new StatusError(409, 'AlreadyExists', `${shown(r)} ${goQuote(name)} already exists`, {
    details: detailsOf(r, name),
  });

export const conflictError = (r: GroupResource, name: string, why: string) =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${shown(r)} ${goQuote(name)}: ${why}`, {
    details: detailsOf(r, name),
  });

export const modifiedError = (r: GroupResource, name: string) =>
  conflictError(r, name, 'the object has been modified; please apply your changes to the latest version and try again');

const maxShownErrors = 1000;
const maxShownLength = 2 ** 20;

/** As clients see several errors in one text, each once. Upstream: util/errors.NewAggregate. */
export function joinErrors(errors: Iterable<string>): string {
  const texts = [...new Set(errors)];
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}

/**
 * Validation failed: all field errors (of very many or very long ones, the first) in one message, each as a cause.
 * `kind` is the object's kind, not its resource.
 */
export function invalidError(kind: { group: string; kind: string }, name: string, found: readonly FieldError[]) {
  const causes: StatusCause[] = [];
  const shown = new Set<string>();
  let length = 0;
  for (const { type, field, detail } of found) {
    if (causes.length >= maxShownErrors || (causes.length > 0 && length + detail.length > maxShownLength)) break;
    causes.push({ reason: causeReasons[type], message: detail, field });
    shown.add(`${field}: ${detail}`);
    length += detail.length;
  }
  if (causes.length < found.length) {
    const least = found.length < enoughErrors ? '' : 'at least ';
    shown.add(`and ${least}${found.length - causes.length} more`);
  }
  const joined = joinErrors(shown);
  const shownKind = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  return new StatusError(422, 'Invalid', `${shownKind} ${goQuote(name)} is invalid: ${joined}`, {
    details: { ...detailsOf({ group: kind.group, resource: kind.kind }, name), causes },
  });
}

export const badRequestError = (message: string, cause?: unknown) =>
  new StatusError(400, 'BadRequest', message, { cause });

export const forbiddenError = (r: GroupResource, name: string, why: string) =>
  new StatusError(403, 'Forbidden', `${shown(r)}${name ? ` ${goQuote(name)}` : ''} is forbidden: ${why}`, {
    details: detailsOf(r, name),
  });

export const unauthorizedError = () => new StatusError(401, 'Unauthorized', 'Unauthorized');

export const internalError = (message: string, cause?: unknown) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    details: { causes: [{ message }] },
    cause,
  });

/** The same of custom resources. */
export const methodNotAllowedError = (r: GroupResource, verb: string) =>
  new StatusError(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind ${goQuote(shown(r))}`, {
    details: detailsOf(r, ''),
  });

export const expiredError = (message: string, continueToken?: string) =>
  new StatusError(410, 'Expired', message, continueToken ? { continueToken } : {});

export const unavailableError = (message: string, cause?: unknown) =>
  new StatusError(503, 'ServiceUnavailable', message, { cause });

export const unsupportedMediaTypeError = (message: string) => new StatusError(415, 'UnsupportedMediaType', message);

export const notAcceptableError = (message: string) => new StatusError(406, 'NotAcceptable', message);

const hasReason = (reason: StatusReason) => (err: unknown) => err instanceof StatusError && err.reason === reason;
export const isNotFound = hasReason('NotFound');
export const isAlreadyExists = hasReason('AlreadyExists');

const unless =
  (isWell: (err: unknown) => boolean) =>
  async <T>(request: Promise<T>): Promise<T | undefined> => {
    try {
      return await request;
    } catch (err) {
      if (isWell(err)) return undefined;
      throw err;
    }
  };
/** What a request gives, or undefined where its object is not there (any more). */
export const unlessGone = unless(isNotFound);
/** What was made; undefined where it is there already, which is as good. */
export const unlessThere = unless(isAlreadyExists);

/** What somebody threw, in words. */
export const messageOf = (err: unknown) => (err instanceof Error ? err.message : String(err));

export const isConflict = hasReason('Conflict');
export const isInvalid = hasReason('Invalid');
export const isForbidden = hasReason('Forbidden');
/** The version asked for is older than what the server keeps: list again. */
export const isExpired = (err: unknown) => err instanceof StatusError && err.code === 410;

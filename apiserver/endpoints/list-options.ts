// The version semantics of reads. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
import { badRequestError, invalidError, StatusError } from '../../machinery/errors.ts';
import { type FieldError, forbidden, notSupported } from '../../machinery/field-error.ts';
import { readJson, TextError } from '../../machinery/json-reader.ts';
import { numberComplaint } from '../registry/prepare.ts';
import { isTrue } from '../request-info.ts';

type VersionMatch = '' | 'Exact' | 'NotOlderThan';

export interface ListOptions {
  /** '' asks for the most recent state. */
  resourceVersion: string;
  match: VersionMatch;
  limit: number;
  continue: string;
}

export interface WatchOptions {
  resourceVersion: string;
  /** Undefined: events after the version, or what there is where that is none. */
  sendInitialEvents: boolean | undefined;
  bookmarks: boolean;
  /** Seconds; 0 where the server may say. */
  timeout: number;
}

const optionsKind = { group: 'meta.k8s.io', kind: 'ListOptions' };
const field = 'resourceVersionMatch';

/** What lists and watches have alike. Numbers are numbers also where nobody asks for them. */
function readOptions(query: URLSearchParams) {
  return {
    resourceVersion: query.get('resourceVersion') ?? '',
    match: query.get(field) ?? '',
    token: query.get('continue') ?? '',
    initial: query.get('sendInitialEvents'),
    limit: parseInteger(query.get('limit') ?? '0'),
    timeout: parseInteger(query.get('timeoutSeconds') ?? '0'),
  };
}

/** Reads and checks the options of a list. */
export function readListOptions(query: URLSearchParams): ListOptions {
  const { resourceVersion, match, token, initial, limit } = readOptions(query);
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === '') {
      errors.push(forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (token !== '') errors.push(forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported(field, match, ['Exact', 'NotOlderThan', '']));
    } else if (match === 'Exact' && resourceVersion === '0') {
      errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (initial !== null) errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (errors.length > 0) throw invalidError(optionsKind, '', errors);
  if (token !== '' && resourceVersion !== '' && resourceVersion !== '0') {
    throw badRequestError('specifying resource version is not allowed when using continue');
  }
  // Whoever takes any state gets all of it: informers of Go clients ask for it with a limit, and expect no pages.
  const isWhole = limit < 0 || resourceVersion === '0';
  return { resourceVersion, match: match as VersionMatch, limit: isWhole ? 0 : limit, continue: token };
}

/** Reads and checks the options of a watch. One from no version is a streamed list (KEP-3157). */
export function readWatchOptions(query: URLSearchParams): WatchOptions {
  const { resourceVersion, match, token, initial, timeout } = readOptions(query);
  const isStreamed = initial === null && match === '' && (resourceVersion === '' || resourceVersion === '0');
  const errors: FieldError[] = [];
  if (initial !== null && match !== 'NotOlderThan') {
    errors.push(forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (initial === null && match !== '') {
    errors.push(forbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  }
  if (match !== '' && match !== 'NotOlderThan') errors.push(notSupported(field, match, ['NotOlderThan']));
  if ((match !== '' || isStreamed) && token !== '')
    errors.push(forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
  if (errors.length > 0) throw invalidError(optionsKind, '', errors);
  return {
    resourceVersion,
    sendInitialEvents: isStreamed || (initial === null ? undefined : isTrue(initial)),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeout,
  };
}

const maxInt64 = 2n ** 63n - 1n;

/** A whole number of a query. */
export function parseInteger(text: string): number {
  const isNumber = /^[+-]?\d{1,100}$/.test(text);
  if (isNumber && BigInt(text) <= maxInt64 && BigInt(text) >= -maxInt64 - 1n) return Number(text);
  throw badRequestError(`strconv.ParseInt: parsing ${numberComplaint(text)}`);
}

/**
 * A resource version as a number; it is opaque to clients but not to us. What is none is the client's fault where it
 * lists; else upstream has no reason for it.
 */
export function parseRevision(resourceVersion: string, isList = false): number {
  if (resourceVersion === '') return 0;
  if (/^\d{1,20}$/.test(resourceVersion) && BigInt(resourceVersion) < 2n ** 64n) return Number(resourceVersion);
  const shown = JSON.stringify(resourceVersion);
  const why = `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${numberComplaint(resourceVersion)}`;
  throw isList ? badRequestError(`invalid resource version: ${why}`) : new StatusError(500, '', why);
}

interface ContinueToken {
  /** The revision the list began at; -1 for an inconsistent rest at the current one. */
  revision: number;
  /** The key that the rest begins with. */
  from: string;
}

const tokenVersion = 'meta.k8s.io/v1';

/** The token for what lies below `prefix`, which it does not name. */
export function encodeContinue({ revision, from }: ContinueToken, prefix: string): string {
  const token = { v: tokenVersion, rv: revision, start: from.slice(prefix.length) };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Reads a token; 400 for one that is none, or that leads out of `prefix`. Upstream: storage.DecodeContinue. */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const refuse = (why: string) => badRequestError(`invalid continue token: continue key is not valid${why}`);
  const stray = /[^\w-]/.exec(text)?.index ?? (text.length % 4 === 1 ? text.length - 1 : -1);
  if (stray >= 0) throw refuse(`: illegal base64 data at input byte ${stray}`);
  const { v, rv, start } = tokenIn(text, refuse);
  if (v !== tokenVersion) throw refuse(`: server does not recognize this encoded version ${v ?? ''}`);
  if (!Number.isSafeInteger(rv ?? 0) || typeof (start ?? '') !== 'string') throw refuse('');
  if (!rv) throw refuse(`: incorrect encoded start resourceVersion (version ${tokenVersion})`);
  if (!start) throw refuse(`: encoded start key empty (version ${tokenVersion})`);
  const key = start.startsWith('/') ? start.slice(1) : start;
  if (key !== '' && key.split('/').some((part) => ['', '.', '..'].includes(part))) throw refuse(`: ${start}`);
  return { revision: rv, from: prefix + key };
}

function tokenIn(text: string, refuse: (why: string) => Error): { v?: string; rv?: number; start?: string } {
  try {
    return Object(readJson(Buffer.from(text, 'base64url').toString()).value);
  } catch (err) {
    if (!(err instanceof TextError)) throw err;
    throw refuse(`: ${err.message}`);
  }
}

// The version semantics of reads. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
import { badRequestError, invalidError } from '../../machinery/errors.ts';
import { type FieldError, forbidden, invalid, notSupported } from '../../machinery/field-error.ts';

export type VersionMatch = '' | 'Exact' | 'NotOlderThan';

export interface ListOptions {
  /** '' asks for the most recent state. */
  resourceVersion: string;
  match: VersionMatch;
  limit: number;
  continue: string;
}

/** Reads and checks the options of a list. */
export function readListOptions(query: URLSearchParams): ListOptions {
  const resourceVersion = query.get('resourceVersion') ?? '';
  const match = (query.get('resourceVersionMatch') ?? '') as VersionMatch;
  const token = query.get('continue') ?? '';
  const limit = parseInteger(query.get('limit') || '0');
  parseInteger(query.get('timeoutSeconds') || '0');
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === '') {
      errors.push(
        forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    }
    if (token !== '')
      errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
    } else if (match === 'Exact' && resourceVersion === '0') {
      errors.push(
        forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
      );
    }
  }
  if (query.has('sendInitialEvents')) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
  if (token !== '' && resourceVersion !== '' && resourceVersion !== '0') {
    throw badRequestError('specifying resource version is not allowed when using continue');
  }
  // Whoever takes any state gets all of it: informers of Go clients ask for it with a limit, and expect no pages.
  const isWhole = limit < 0 || (resourceVersion === '0' && token === '');
  return { resourceVersion, match, limit: isWhole ? 0 : limit, continue: token };
}

/** A whole number of a query. */
export function parseInteger(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** A resource version as a number; it is opaque to clients but not to us. */
export function parseRevision(resourceVersion: string): number {
  if (resourceVersion === '') return 0;
  if (!/^\d{1,16}$/.test(resourceVersion)) {
    throw invalidError({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      invalid(
        'resourceVersion',
        resourceVersion,
        `strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`,
      ),
    ]);
  }
  return Number(resourceVersion);
}

export interface ContinueToken {
  /** The revision the list began at; -1 for an inconsistent rest at the current one. */
  revision: number;
  /** The last key that was given out. */
  after: string;
}

export function encodeContinue(token: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: token.after })).toString(
    'base64url',
  );
}

export const invalidContinue = () => badRequestError('invalid continue token: continue key is not valid');

export function decodeContinue(text: string): ContinueToken {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (v === 'meta.k8s.io/v1' && Number.isInteger(rv) && typeof start === 'string')
      return { revision: rv, after: start };
  } catch {
    // not a token of ours: refused below
  }
  throw invalidContinue();
}

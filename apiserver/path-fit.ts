// Whether a path fits the kind that it names: scope, name, and what follows them.
import { checkPathSegment } from '../api/meta/validation.ts';
import { badRequestError, PageNotFoundError, unknownPathError } from '../machinery/errors.ts';
import { goQuote } from '../machinery/go-quote.ts';
import type { Kind } from '../machinery/kind.ts';
import type { ApiRequest } from './endpoints/exchange.ts';
import type { RequestInfo } from './request-info.ts';

/** Throws StatusError: 404 where upstream has no route, 400 for a name that is missing or none. */
export function checkPath(kind: Kind, info: RequestInfo): void {
  const inNamespace = kind.namespaced === (info.namespace !== '') || info.resource === 'namespaces';
  const isOfAll = kind.namespaced && ['list', 'watch'].includes(info.verb);
  if (kind.isCustom && !inNamespace && !isOfAll) throw new PageNotFoundError();
  if (!inNamespace && (info.namespace || info.name)) throw unknownPathError();
  // Below a subresource only proxies have paths.
  if (!kind.isCustom && info.subresource !== 'proxy' && /[^/]/.test(info.rest)) throw unknownPathError();
  // Built-in resources have no such routes.
  const wantsName = kind.isCustom || info.subresource !== '';
  if (info.name === '' && wantsName && ['update', 'patch'].includes(info.verb))
    throw badRequestError('name must be provided');
  const complaints = checkPathSegment(info.name);
  if (complaints.length > 0)
    throw badRequestError(`Name parameter invalid: ${goQuote(info.name)}: ${complaints.join(';')}`);
}

const collectionVerbs = ['list', 'create', 'deletecollection'];

/** Objects have names, collections have none, and only lists and watches look into all namespaces at once. */
export function fitsPath({ kind, info }: ApiRequest): boolean {
  const { verb, name, namespace } = info;
  if (verb === 'watch') return true;
  if (collectionVerbs.includes(verb) === (name !== '')) return false;
  return verb === 'list' || !kind.namespaced || namespace !== '';
}

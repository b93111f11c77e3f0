// What a request asks for, read off its method, path and query before anything else happens: the
// attributes that authorization, admission, metrics and routing all work on. Upstream: apiserver's
// RequestInfo.

type RequestVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export interface RequestInfo {
  isResource: boolean;
  /** A resource verb, empty where the method is none of them, or the lower-case HTTP method of other paths. */
  verb: RequestVerb | string;
  path: string;
  query: URLSearchParams;
  group: string;
  version: string;
  namespace: string;
  resource: string;
  subresource: string;
  name: string;
  /** What follows the subresource, as it was sent and with its slashes: the path given to a proxy. */
  rest: string;
}

const verbOfMethod: Record<string, RequestVerb> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
// Subresources of namespaces themselves; every other third part is a resource within the namespace.
const namespaceSubresources = new Set(['status', 'finalize']);

/**
 * What a request line asks for: `/api/v1/...` and `/apis/<group>/<version>/...` are resources; anything else is a
 * non-resource request.
 */
export function requestInfoOf(method: string, url: string): RequestInfo {
  const path = pathOf(url);
  const query = queryOf(url);
  const info: RequestInfo = {
    isResource: false,
    verb: method.toLowerCase(),
    path,
    query,
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: '',
  };
  const parts = partsOf(path);
  const isLegacy = parts[0] === 'api';
  if ((!isLegacy && parts[0] !== 'apis') || parts.length < (isLegacy ? 3 : 4)) return info;
  info.isResource = true;
  info.group = isLegacy ? '' : parts[1]!;
  info.version = isLegacy ? parts[1]! : parts[2]!;
  let rest = parts.slice(isLegacy ? 2 : 3);
  // The deprecated /watch/ prefix.
  const oldWatch = rest[0] === 'watch' && rest.length > 1;
  if (oldWatch) rest = rest.slice(1);
  if (rest[0] === 'namespaces' && rest.length > 2 && !namespaceSubresources.has(rest[2]!)) {
    info.namespace = rest[1]!;
    rest = rest.slice(2);
  } else if (rest[0] === 'namespaces' && rest.length > 1) {
    info.namespace = rest[1]!;
  }
  info.resource = rest[0] ?? '';
  info.name = rest[1] ?? '';
  info.subresource = rest[2] ?? '';
  info.rest = pathAfter(path, parts.length - rest.length + 3);
  info.verb = verbOf(method, info, { oldWatch, asks: isTrue(query.get('watch')) });
  return info;
}

/** One object is watched by the deprecated prefix alone, whatever the method: its path with `watch=true` reads it. */
function verbOf(method: string, info: RequestInfo, watch: { oldWatch: boolean; asks: boolean }): RequestVerb | '' {
  if (watch.oldWatch) return 'watch';
  if (method === 'GET' || method === 'HEAD') return info.name !== '' ? 'get' : watch.asks ? 'watch' : 'list';
  if (method === 'DELETE' && info.name === '') return 'deletecollection';
  return verbOfMethod[method] ?? '';
}

/**
 * A boolean of a query, as every client writes it (`True`, `t`, nothing at all): only absence,
 * `false` and `0` are no.
 */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** The path without its first `count` segments, undecoded. */
function pathAfter(path: string, count: number): string {
  const cut = [...path.matchAll(/\/|%2f/gi)][count];
  return cut ? `/${path.slice(cut.index + cut[0].length)}` : '';
}

/** Decoded before it is cut, as Go's URL.Path is; what is empty between slashes is a part, slashes at the end are none. */
function partsOf(path: string): string[] {
  return withoutLastSlashes(decodePath(path)).slice(1).split('/');
}

/** In time by their number: a pattern would look for the end from each of them. */
export function withoutLastSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // what is no UTF-8 names nothing that exists
  }
}

function pathOf(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? url : url.slice(0, at);
}

const noQuery = new URLSearchParams();
const strayInQuery = /;|%(?![0-9a-f]{2})/i;

/** Go's reading: pairs with a semicolon or a stray `%` are left out. */
function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  if (at < 0) return noQuery;
  const text = url.slice(at + 1);
  if (!strayInQuery.test(text)) return new URLSearchParams(text);
  const pairs = text.split('&').filter((pair) => !strayInQuery.test(pair));
  return new URLSearchParams(pairs.join('&'));
}

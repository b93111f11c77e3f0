// URLs, as Go's url.ParseRequestURI reads them: absolute, or an absolute path. Upstream: apiserver/pkg/cel/library/urls.go.
import { type Library, member, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { type CelType, t } from '../types.ts';
import { ArrayList, EntryMap, type MapKey, OpaqueValue, type Value } from '../values.ts';

const urlType: CelType = t.opaque('kubernetes.URL');

interface Parts {
  readonly scheme: string;
  readonly user: string;
  /** With its port. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

class Url extends OpaqueValue {
  readonly celType = urlType;
  readonly text: string;
  readonly parts: Parts;
  constructor(text: string, parts: Parts) {
    super();
    this.text = text;
    this.parts = parts;
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof Url && other.text === this.text;
  }
  override toString(): string {
    return this.text;
  }
}

/** The parts of a URL; a string says why it is none. */
export function parseUrl(text: string): Parts | string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\x00-\x1f\x7f]/.test(text)) return 'net/url: invalid control character in URL';
  if (text === '') return 'empty url';
  const [, scheme, rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(.*)$/s.exec(text)!;
  if (text.startsWith(':')) return 'missing protocol scheme';
  const at = rest.indexOf('?');
  const query = at < 0 ? '' : rest.slice(at + 1);
  let path = at < 0 ? rest : rest.slice(0, at);
  if (!path.startsWith('/')) {
    if (scheme === undefined) return 'invalid URI for request';
    return { scheme: scheme.toLowerCase(), user: '', host: '', path: '', query };
  }
  let [user, host] = ['', ''];
  if (scheme !== undefined && path.startsWith('//')) {
    const end = path.indexOf('/', 2);
    const authority = end < 0 ? path.slice(2) : path.slice(2, end);
    path = end < 0 ? '' : path.slice(end);
    const split = authority.lastIndexOf('@');
    [user, host] = split < 0 ? ['', authority] : [authority.slice(0, split), authority.slice(split + 1)];
    if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) return 'net/url: invalid userinfo';
    const issue = hostIssue(host);
    if (issue !== undefined) return issue;
  }
  const issue = badEscape(path);
  if (issue !== undefined) return issue;
  return { scheme: scheme?.toLowerCase() ?? '', user, host, path, query };
}

function badEscape(text: string): string | undefined {
  const bad = /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(text);
  return bad === null ? undefined : `invalid URL escape ${JSON.stringify(bad[0])}`;
}

function hostIssue(host: string): string | undefined {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0) return "missing ']' in host";
    return portIssue(host.slice(end + 1));
  }
  const colon = host.lastIndexOf(':');
  const issue = colon < 0 ? undefined : portIssue(host.slice(colon));
  if (issue !== undefined) return issue;
  const bad = /[ "<>\\^`{|}]/.exec(host);
  return bad === null ? badEscape(host) : `invalid character ${JSON.stringify(bad[0])} in host name`;
}

function portIssue(port: string): string | undefined {
  return /^(?::\d*)?$/.test(port) ? undefined : `invalid port ${JSON.stringify(port)} after host`;
}

function url(text: string): Value {
  const parts = parseUrl(text);
  // The check knows no fragments; what is read does.
  if (typeof parts !== 'string') return new Url(text, parseUrl(text.replace(/#.*/s, '')) as Parts);
  throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: ${parts}`);
}

const portPattern = /:(\d*)$/;
const hasPort = (host: string) => portPattern.test(host) && !host.endsWith(']');
const portOf = (host: string) => (hasPort(host) ? portPattern.exec(host)![1]! : '');

function hostnameOf(host: string): string {
  const bare = hasPort(host) ? host.replace(portPattern, '') : host;
  return bare.startsWith('[') && bare.endsWith(']') ? bare.slice(1, -1) : bare;
}

// What may stand in a path as it is.
const toEscape = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]]/gu;
const escapedPath = (path: string) => path.replace(toEscape, (char) => encodeURIComponent(char));

function unescapeQuery(text: string): string | undefined {
  if (badEscape(text) !== undefined) return undefined;
  const bytes = Buffer.from(text.replaceAll('+', ' ').replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => `\u0000${hex}`));
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 0) out.push(bytes[i]!);
    else {
      out.push(Number.parseInt(bytes.toString('latin1', i + 1, i + 3), 16));
      i += 2;
    }
  }
  return Buffer.from(out).toString();
}

/** Values by key; parts that cannot be read are left out. */
function queryOf(query: string): Value {
  const entries = new Map<MapKey, string[]>();
  for (const part of query.split('&')) {
    if (part === '' || part.includes(';')) continue;
    const at = part.indexOf('=');
    const key = unescapeQuery(at < 0 ? part : part.slice(0, at));
    const value = unescapeQuery(at < 0 ? '' : part.slice(at + 1));
    if (key === undefined || value === undefined) continue;
    const values = entries.get(key);
    if (values === undefined) entries.set(key, [value]);
    else values.push(value);
  }
  return new EntryMap(new Map([...entries].map(([key, values]) => [key, [key, new ArrayList(values)]])));
}

const part = (name: string, id: string, result: string, read: (parts: Parts) => Value) =>
  member(name, id, `kubernetes.URL -> ${result}`, (of: Url) => read(of.parts));

export const urlLibrary: Library = {
  types: [['kubernetes.URL', urlType]],
  functions: [
    overload('url', 'string_to_url', 'string -> kubernetes.URL', url),
    overload('isURL', 'is_url_string', 'string -> bool', (text: string) => typeof parseUrl(text) !== 'string'),
    part('getScheme', 'url_get_scheme', 'string', ({ scheme }) => scheme),
    part('getHost', 'url_get_host', 'string', ({ host }) => host),
    part('getHostname', 'url_get_hostname', 'string', ({ host }) => hostnameOf(host)),
    part('getPort', 'url_get_port', 'string', ({ host }) => portOf(host)),
    part('getEscapedPath', 'url_get_escaped_path', 'string', ({ path }) => escapedPath(path)),
    part('getQuery', 'url_get_query', 'map(string, list(string))', ({ query }) => queryOf(query)),
  ],
};

// How a webhook is reached: checks of URLs, service references and certificates that conversion
// webhooks and admission webhooks share. Upstream: apiserver's util/webhook/validation.go.
import { type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { checkDNS1035Label, checkDNS1123Subdomain } from '../../machinery/name-rules.ts';
import { rangeText, repeatsIn } from './checks.ts';

const form = '; desired format: https://host[/path]';

interface UrlParts {
  scheme: string;
  user: string | undefined;
  host: string;
  query: string;
  fragment: string;
}

/** The parts of a URL, or why it is none, in the words of Go's net/url. */
export function parseUrl(text: string): UrlParts | string {
  const problem = (why: string) => `parse ${JSON.stringify(text)}: ${why}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) return problem('net/url: invalid control character in URL');
  const hash = text.indexOf('#');
  const fragment = hash < 0 ? '' : text.slice(hash + 1);
  const whole = hash < 0 ? text : text.slice(0, hash);
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(whole)?.[1] ?? '';
  if (scheme === '' && whole.startsWith(':')) return problem('missing protocol scheme');
  const rest = whole.slice(scheme === '' ? 0 : scheme.length + 1);
  const mark = rest.indexOf('?');
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  const path = mark < 0 ? rest : rest.slice(0, mark);
  const authority = path.startsWith('//') ? path.slice(2).split('/', 1)[0]! : '';
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const badHost = /[ "<>\\^`{|}]/.exec(host)?.[0];
  if (badHost) return problem(`invalid character ${JSON.stringify(badHost)} in host name`);
  const port = /^(?:\[[^\]]*\]|[^:]*)(:.*)?$/.exec(host)?.[1];
  if (port !== undefined && !/^:\d*$/.test(port)) return problem(`invalid port ${JSON.stringify(port)} after host`);
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(path)?.[0];
  if (badEscape) return problem(`invalid URL escape ${JSON.stringify(badEscape)}`);
  return { scheme: scheme.toLowerCase(), user: at < 0 ? undefined : authority.slice(0, at), host, query, fragment };
}

interface ClientConfig {
  url?: string;
  service?: ServiceTarget;
}

export function validateClientConfig({ url, service }: ClientConfig, path: string): FieldError[] {
  if (url !== undefined && !service) return validateWebhookUrl(url, `${path}.url`);
  if (service && url === undefined) return validateWebhookService(service, `${path}.service`);
  return [required(path, 'exactly one of url or service is required')];
}

const reviewVersions = ['v1', 'v1beta1'];

/** The versions of a review that a webhook knows: ours is among them. */
export function validateReviewVersions(
  versions: readonly string[] | null | undefined,
  path: string,
  whenEmpty = '',
): FieldError[] {
  if (!versions?.length) return [required(path, whenEmpty)];
  const repeats = repeatsIn(versions);
  const errors = versions.flatMap((version, i) => {
    const complaints = repeats.has(i) ? ['duplicate version'] : checkDNS1035Label(version);
    return complaints.map((why) => invalid(`${path}[${i}]`, version, why));
  });
  if (versions.some((version) => reviewVersions.includes(version))) return errors;
  return [...errors, invalid(path, versions, `must include at least one of ${reviewVersions.join(', ')}`)];
}

/** An address that a webhook may be called at. */
function validateWebhookUrl(url: string, path: string): FieldError[] {
  const parts = parseUrl(url);
  if (typeof parts === 'string') return [required(path, `url must be a valid URL: ${parts}${form}`)];
  const errors: FieldError[] = [];
  if (parts.scheme !== 'https') {
    errors.push(invalid(path, parts.scheme, `'https' is the only allowed URL scheme${form}`));
  }
  if (parts.host === '') errors.push(invalid(path, parts.host, `host must be specified${form}`));
  if (parts.user !== undefined) errors.push(invalid(path, parts.user, 'user information is not permitted in the URL'));
  if (parts.fragment) errors.push(invalid(path, parts.fragment, 'fragments are not permitted in the URL'));
  if (parts.query) errors.push(invalid(path, parts.query, 'query parameters are not permitted in the URL'));
  return errors;
}

interface ServiceTarget {
  name?: string;
  namespace?: string;
  path?: string;
  port?: number;
}

/** Upstream's callers hand name and namespace over in the wrong order, so each is told as the other. */
function validateWebhookService(service: ServiceTarget, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!service.namespace) errors.push(required(`${path}.name`, 'service name is required'));
  if (!service.name) errors.push(required(`${path}.namespace`, 'service namespace is required'));
  const { port = 0, path: urlPath } = service;
  if (port < 1 || port > 65535) errors.push(invalid(`${path}.port`, port, `port is not valid: ${rangeText(1, 65535)}`));
  if (urlPath === undefined || urlPath === '/' || urlPath === '') return errors;
  const complain = (why: string) => errors.push(invalid(`${path}.path`, urlPath, why));
  if (urlPath === '//') {
    complain('segment[0] may not be empty');
    return errors;
  }
  if (!urlPath.startsWith('/')) complain("must start with a '/'");
  const segments = urlPath.slice(1).replace(/\/$/, '').split('/');
  for (const [i, segment] of segments.entries()) {
    if (segment === '') complain(`segment[${i}] may not be empty`);
    else for (const why of checkDNS1123Subdomain(segment)) complain(`segment[${i}]: ${why}`);
  }
  return errors;
}

const pemBlock = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;

/** `caBundle` is base64 of PEM text that holds at least one certificate. */
export function validateCABundle(caBundle: string, path: string): FieldError[] {
  const pem = decodeAscii(caBundle);
  const blocks = [...pem.matchAll(pemBlock)];
  if (blocks.length === 0) {
    const why = 'unable to load root certificates: unable to parse bytes as PEM block';
    return [invalid(path, caBundle, why)];
  }
  const isBroken = blocks.some(([, body = '']) => !isSequence(decodeAscii(body.replace(/\s+/g, ''))));
  return isBroken ? [invalid(path, caBundle, 'unable to load root certificates: x509: malformed certificate')] : [];
}

/** The bytes of a base64 text as characters; empty where it is none. */
function decodeAscii(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return '';
  }
}

/** Whether these bytes are one DER sequence from first to last. */
function isSequence(bytes: string): boolean {
  if (bytes.charCodeAt(0) !== 0x30) return false;
  const first = bytes.charCodeAt(1);
  if (first < 0x80) return bytes.length === 2 + first;
  const count = first & 0x7f;
  if (count < 1 || count > 3) return false;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + bytes.charCodeAt(2 + i);
  return bytes.length === 2 + count + length;
}

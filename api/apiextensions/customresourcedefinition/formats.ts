// The formats that a JSON schema of a custom resource may ask for. Unknown ones are ignored, as Kubernetes does.
// Upstream: kube-openapi's strfmt.
import { parseCIDR, parseIP } from '../../../machinery/ip.ts';

const matches = (pattern: RegExp) => (text: string) => pattern.test(text);
const uuid = (version: string) =>
  matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i'));

const dateTime = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/;
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const hostname = new RegExp(`^(?:${label})(?:\\.${label})*\\.?$`);
const duration = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)\s*(?:ns|us|µs|ms|s|m|h|d|w)\s*)+$/;

function isUri(text: string): boolean {
  return URL.canParse(text) || text.startsWith('/');
}

const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

const formats: Record<string, (text: string) => boolean> = {
  bsonobjectid: matches(/^[0-9a-f]{24}$/i),
  uri: isUri,
  email: matches(/^[^\s@"<>()]+@[^\s@"<>()]+$/),
  hostname: (text) => text.length <= 255 && hostname.test(text),
  ipv4: (text) => parseIP(text)?.family === 4,
  ipv6: (text) => parseIP(text)?.family === 6,
  ip: (text) => parseIP(text) !== undefined,
  cidr: (text) => parseCIDR(text) !== undefined,
  mac: matches(/^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$|^(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}$/i),
  uuid: uuid('[0-9a-f]'),
  uuid3: uuid('3'),
  uuid4: uuid('4'),
  uuid5: uuid('5'),
  isbn10: matches(/^(?:\d[ -]?){9}[\dX]$/),
  isbn13: matches(/^(?:\d[ -]?){12}\d$/),
  isbn: matches(/^(?:(?:\d[ -]?){9}[\dX]|(?:\d[ -]?){12}\d)$/),
  creditcard: matches(/^\d{13,19}$/),
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i),
  rgbcolor: matches(/^rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)$/),
  byte: matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  date: isDate,
  duration: matches(duration),
  datetime: (text) => dateTime.test(text) && !Number.isNaN(Date.parse(text)),
  'date-time': (text) => dateTime.test(text) && !Number.isNaN(Date.parse(text)),
  'k8s-short-name': matches(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
  'k8s-long-name': (text) => text.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(text),
};

/** Formats are written with or without hyphens: `date-time` is `datetime`. */
export function hasFormat(format: string, text: string): boolean {
  const known = Object.hasOwn(formats, format) ? formats[format] : undefined;
  return !known || known(text);
}

// The formats that a JSON schema of a custom resource may ask for. Unknown ones are ignored, as Kubernetes does.
// Upstream: kube-openapi's strfmt, with its copy of govalidator.
import { parseGoDuration } from '../../../machinery/duration.ts';
import { parseCIDR, parseIP } from '../../../machinery/ip.ts';
import { compileRegExp } from '../../../machinery/regexp.ts';

const matches = (pattern: RegExp) => (text: string) => pattern.test(text);
const uuid = (version: string, variant = '[0-9a-f]') =>
  matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`, 'i'));

const sign = String.raw`[a-zA-Z0-9\p{S}\p{L}]`;
const label = String.raw`${sign}(?:[a-zA-Z0-9\-\p{S}\p{L}]{0,61}${sign})?`;
/** Either begins with a name of one part, or ends with one of several: upstream's anchors hold for a half each. */
const hostname = new RegExp(String.raw`^${sign}(?:-?${sign}{0,62})?$|^(?:${label}\.)+[a-zA-Z\p{L}]{2,63}$`, 'u');
const isHostname = (text: string) =>
  hostname.test(text) &&
  Buffer.byteLength(text) <= 255 &&
  text.split('.').every((part) => Buffer.byteLength(part) <= 63);

const isDate = (text: string) =>
  /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  return isDate(date) && /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/.test(time);
}

const longUnit = /\d\s*(?:ns|us|µs|ms|[smhdw]|hr|wk|(?:nano|micro|milli|sec|min|hour|day|week)[a-zµ]*)(?![a-zµ])/i;

/** As Go writes one, or with units in words somewhere: `3 weeks`. */
function isDuration(text: string): boolean {
  try {
    parseGoDuration(text);
    return true;
  } catch {
    return longUnit.test(text);
  }
}

/** Leading zeros in IPv4 are let pass, as they were of old. */
const sloppy = (text: string) => (text.includes(':') ? text : text.replace(/(?<![\d/])0+(?=\d)/g, ''));

const sumOf = (digits: string, weight: (i: number) => number) =>
  [...digits].reduce((sum, digit, i) => sum + weight(i) * (digit === 'X' ? 10 : Number(digit)), 0);

function isISBN(text: string, length: 10 | 13): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  return length === 10
    ? /^\d{9}[\dX]$/.test(digits) && sumOf(digits, (i) => i + 1) % 11 === 0
    : /^\d{13}$/.test(digits) && sumOf(digits, (i) => 1 + 2 * (i % 2)) % 10 === 0;
}

const card =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;

/** By Luhn's check digit; what is no digit is passed over. */
function isCreditCard(text: string): boolean {
  const digits = text.replace(/[^0-9]+/g, '');
  const doubled = (digit: string, i: number) => ((digits.length - i) % 2 === 0 ? `${2 * Number(digit)}` : digit);
  return card.test(digits) && sumOf([...digits].map(doubled).join(''), () => 1) % 10 === 0;
}

/** As it stands in a request: a path, or something with a scheme. */
const uri =
  /^(?:\*$|\/|[a-z][a-z0-9+.-]*:(?!\/\/)|[a-z][a-z0-9+.-]*:\/\/(?:[^\s/?@]*@)?(?:\[[^\s\]/?]*\]|[^\s/?:"<>\\^`{|}]*)(?::\d*)?(?:[/?]|$))/i;
const isUri = (text: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  uri.test(text) && !/[\x00-\x1f\x7f]|%(?![0-9a-f]{2})/i.test(text);

const atom = String.raw`[^\s()<>\[\]:;@\\,."]+`;
const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
const address = String.raw`(?:${atom}(?:\.${atom})*|${quoted})@${atom}(?:\.${atom})*`;
/** As mail writes an address: `a@b`, `"a b"@c`, `Ann <a@b>`. Matched in linear time. */
const email = compileRegExp(String.raw`^\s*(?:${address}|(?:${atom}|${quoted}|[\s.])*<${address}>)\s*$`);

const part = String.raw`\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*`;
const name = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const names = new RegExp(`^${name}(?:\\.${name})*$`);

const formats = new Map<string, (text: string) => boolean>(
  Object.entries({
    bsonobjectid: matches(/^[0-9a-f]{24}$/i),
    uri: isUri,
    email: (text) => email.test(text),
    hostname: isHostname,
    ipv4: (text) => text.includes('.') && parseIP(sloppy(text)) !== undefined,
    ipv6: (text) => parseIP(text)?.family === 6,
    cidr: (text) => parseCIDR(sloppy(text)) !== undefined,
    mac: matches(
      /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}(?:(?:[0-9a-f]{2}\1){2}(?:(?:[0-9a-f]{2}\1){12})?)?[0-9a-f]{2}$|^(?:[0-9a-f]{4}\.){2}(?:[0-9a-f]{4}\.(?:(?:[0-9a-f]{4}\.){6})?)?[0-9a-f]{4}$/i,
    ),
    uuid: uuid('[0-9a-f]'),
    uuid3: uuid('3'),
    uuid4: uuid('4', '[89ab]'),
    uuid5: uuid('5', '[89ab]'),
    isbn10: (text) => isISBN(text, 10),
    isbn13: (text) => isISBN(text, 13),
    isbn: (text) => isISBN(text, 10) || isISBN(text, 13),
    creditcard: isCreditCard,
    ssn: (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
    hexcolor: matches(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i),
    rgbcolor: matches(new RegExp(`^rgb\\(${part},${part},${part}\\)$`)),
    byte: matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/),
    password: () => true,
    date: isDate,
    duration: isDuration,
    datetime: isDateTime,
    k8sshortname: (text) => text.length <= 63 && names.test(text) && !text.includes('.'),
    k8slongname: (text) => text.length <= 253 && names.test(text),
  } satisfies Record<string, (text: string) => boolean>),
);

/** Formats are written with or without hyphens: `date-time` is `datetime`. */
const find = (format: string) => formats.get(format.replaceAll('-', ''));

export const isKnownFormat = (format: string): boolean => find(format) !== undefined;

export const hasFormat = (format: string, text: string): boolean => find(format)?.(text) ?? true;

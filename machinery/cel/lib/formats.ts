// Named formats of strings: `format.dns1123Label().validate(x)`. Upstream: apiserver/pkg/cel/library/format.go.
import {
  checkDNS1035Label,
  checkDNS1123Label,
  checkDNS1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
} from '../../name-rules.ts';
import { decodeBase64 } from '../base64.ts';
import { type Library, member, overload } from '../decls.ts';
import { parseTimestamp } from '../time.ts';
import { type CelType, t } from '../types.ts';
import { ArrayList, noneOptional, OpaqueValue, Optional, type Value } from '../values.ts';
import { parseUrl } from './urls.ts';

const formatType: CelType = t.opaque('kubernetes.NamedFormat');

/** Complaints, none of what is fine. */
type Check = (text: string) => string[];

class Format extends OpaqueValue {
  readonly celType = formatType;
  readonly name: string;
  readonly check: Check;
  /** Of the pattern behind it, as costs are reckoned. */
  readonly patternSize: number;
  constructor(name: string, check: Check) {
    super();
    this.patternSize = patternSizes[name] ?? 64;
    this.name = name;
    this.check = check;
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof Format && other.name === this.name;
  }
}

const unless =
  (isValid: (text: string) => boolean, complaint: string): Check =>
  (text) =>
    isValid(text) ? [] : [complaint];
/** A name that more is put behind may end in a dash. */
const prefix =
  (check: Check): Check =>
  (text) =>
    check(/..-$|^.-$/.test(text) ? `${text.slice(0, -2)}a` : text);

function checkUri(text: string): string[] {
  const parts = parseUrl(text);
  return typeof parts === 'string' ? [`parse ${JSON.stringify(text)}: ${parts}`] : [];
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined;

const checks: Record<string, Check> = {
  dns1123Label: checkDNS1123Label,
  dns1123Subdomain: checkDNS1123Subdomain,
  dns1035Label: checkDNS1035Label,
  qualifiedName: checkQualifiedName,
  dns1123LabelPrefix: prefix(checkDNS1123Label),
  dns1123SubdomainPrefix: prefix(checkDNS1123Subdomain),
  dns1035LabelPrefix: prefix(checkDNS1035Label),
  labelValue: checkLabelValue,
  uri: checkUri,
  uuid: unless((text) => uuid.test(text), 'does not match the UUID format'),
  byte: unless((text) => decodeBase64(text) !== undefined, 'invalid base64'),
  date: unless(isDate, 'invalid date'),
  datetime: unless((text) => parseTimestamp(text) !== undefined, 'invalid datetime'),
};
const patternSizes: Record<string, number> = {
  dns1123Label: 30,
  dns1123LabelPrefix: 30,
  dns1035Label: 30,
  dns1035LabelPrefix: 30,
  dns1123Subdomain: 60,
  dns1123SubdomainPrefix: 60,
  qualifiedName: 60,
  labelValue: 40,
  uri: 1000,
};
const formats = new Map(Object.entries(checks).map(([name, check]) => [name, new Format(name, check)]));

function named(name: string): Value {
  const format = formats.get(name);
  return format === undefined ? noneOptional : new Optional(format);
}

function validate(format: Format, text: string): Value {
  const complaints = format.check(text);
  return complaints.length === 0 ? noneOptional : new Optional(new ArrayList(complaints));
}

const f = 'kubernetes.NamedFormat';

export const formatLibrary: Library = {
  types: [[f, formatType]],
  functions: [
    ...[...formats].map(([name, format]) => overload(`format.${name}`, `format-${name}`, `-> ${f}`, () => format)),
    overload('format.named', 'format-named', `string -> optional(${f})`, named),
    member('validate', 'format-validate', `${f}, string -> optional(list(string))`, validate),
  ],
};

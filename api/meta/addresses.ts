// Checks of addresses and networks; the fields of newer kinds take only one spelling of each.
// Upstream: apimachinery's util/validation/ip.go.
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { firstOf, formatCIDR, formatIP, isMappedIPv4, parseCIDR, parseIP } from '../../machinery/ip.ts';

/** 4, 6, or 0 for a text that is no address. */
export const ipFamilyOf = (text: string): 0 | 4 | 6 => parseIP(text)?.family ?? 0;

const withoutLeadingZeros = (text: string) => text.replace(/(^|[./])0+(?=\d)/g, '$1');

/** What is wrong with an address, however it is spelled. */
function checkAnyIP(text: string): string[] {
  const ip = parseIP(text);
  if (ip) return isMappedIPv4(ip) ? ['must not be an IPv4-mapped IPv6 address'] : [];
  if (parseIP(withoutLeadingZeros(text))) return ['must not have leading 0s'];
  return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
}

/** What is wrong with an address in canonical form. */
export function checkIP(text: string): string[] {
  const complaints = checkAnyIP(text);
  const canonical = formatIP(parseIP(text) ?? { family: 4, value: 0n });
  return complaints.length > 0 || text === canonical ? complaints : [`must be in canonical form ("${canonical}")`];
}

/** What is wrong with a network, however it is spelled. Bits below the prefix leave open what is meant. */
function checkAnyCIDR(text: string): string[] {
  const cidr = parseCIDR(text);
  if (!cidr) {
    if (parseCIDR(withoutLeadingZeros(text))) return ['must not have leading 0s in IP or prefix length'];
    return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
  }
  if (isMappedIPv4(cidr.address)) return ['must not have an IPv4-mapped IPv6 address'];
  const hasHostBits = cidr.address.value !== firstOf(cidr).value;
  return hasHostBits ? ['must not have bits set beyond the prefix length'] : [];
}

function checkCIDR(text: string): string[] {
  const complaints = checkAnyCIDR(text);
  const cidr = parseCIDR(text);
  if (complaints.length > 0 || !cidr || text === formatCIDR(cidr)) return complaints;
  return [`must be in canonical form ("${formatCIDR(cidr)}")`];
}

/** What is wrong with an address and the length of its network's prefix, `10.1.2.3/16`, in canonical form. */
export function checkInterfaceAddress(text: string): string[] {
  const cidr = parseCIDR(text);
  if (!cidr) return ['must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'];
  const canonical = `${formatIP(cidr.address)}/${cidr.bits}`;
  return text === canonical ? [] : [`must be in canonical form ("${canonical}")`];
}

const errorsOf =
  (check: (text: string) => string[]) =>
  (text: string, path: string): FieldError[] =>
    check(text).map((complaint) => invalid(path, text, complaint));

/** An address or network in the fields of older kinds, in any spelling that means one thing. */
export const validateIP = errorsOf(checkAnyIP);
export const validateCIDR = errorsOf(checkAnyCIDR);
/** What to say of an address, or a network, that older kinds take though its text is not the canonical one. */
export const warnOfIP = (text: string, path: string) => warnOfForm(text, path, 'address', checkIP);
export const warnOfCIDR = (text: string, path: string) => warnOfForm(text, path, 'CIDR value', checkCIDR);

function warnOfForm(text: string, path: string, what: string, check: (text: string) => string[]): string[] {
  const canonical = text.includes(':') ? /canonical form (.*)/.exec(check(text)[0] ?? '')?.[1] : undefined;
  return canonical ? [`${path}: IPv6 ${what} "${text}" should be in RFC 5952 canonical format ${canonical}`] : [];
}

/** A network in canonical form. */
export const validateCanonicalCIDR = errorsOf(checkCIDR);

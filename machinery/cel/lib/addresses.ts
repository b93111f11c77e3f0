// IP addresses and subnets. Upstream: apiserver/pkg/cel/library/ip.go, cidr.go.
import { type CIDR, containsIP, firstOf, formatIP, type IP, isMappedIPv4, readIP } from '../../ip.ts';
import { type Library, member, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { type CelType, t } from '../types.ts';
import { OpaqueValue } from '../values.ts';

const ipType: CelType = t.opaque('net.IP');
const cidrType: CelType = t.opaque('net.CIDR');

class Ip extends OpaqueValue {
  readonly celType = ipType;
  readonly address: IP;
  constructor(address: IP) {
    super();
    this.address = address;
  }
  get costSize(): number {
    return bitsOf(this.address) / 8;
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof Ip && isSameAddress(other.address, this.address);
  }
  override toString(): string {
    return formatIP(this.address);
  }
}

class Cidr extends OpaqueValue implements CIDR {
  readonly celType = cidrType;
  readonly address: IP;
  readonly bits: number;
  constructor(address: IP, bits: number) {
    super();
    this.address = address;
    this.bits = bits;
  }
  get costSize(): number {
    return Math.ceil(this.bits / 8);
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof Cidr && other.bits === this.bits && isSameAddress(other.address, this.address);
  }
  override toString(): string {
    return `${formatIP(this.address)}/${this.bits}`;
  }
}

const bitsOf = ({ family }: IP) => (family === 4 ? 32 : 128);
const isSameAddress = (a: IP, b: IP) => a.family === b.family && a.value === b.value;

/** Whether the first bits of an address are these. */
const startsWith = (address: IP, first: number, bits: number): boolean =>
  Number(address.value >> BigInt(bitsOf(address) - bits)) === first;

/** The address, or why there is none. */
function readIp(text: string): IP | string {
  const address = readIP(text);
  const quoted = JSON.stringify(text);
  if (address === 'zone') return `IP address ${quoted} with zone value is not allowed`;
  if (typeof address === 'string') {
    return `IP Address ${quoted} parse error during conversion from string: ParseAddr(${quoted}): ${address}`;
  }
  return isMappedIPv4(address) ? `IPv4-mapped IPv6 address ${quoted} is not allowed` : address;
}

function ip(text: string): Ip {
  const address = readIp(text);
  if (typeof address === 'string') throw new CelError(address);
  return new Ip(address);
}

function readCidr(text: string): Cidr | string {
  const quoted = JSON.stringify(text);
  const fail = (why: string) =>
    `network address parse error during conversion from string: netip.ParsePrefix(${quoted}): ${why}`;
  const slash = text.lastIndexOf('/');
  if (slash < 0) return fail("no '/'");
  const address = readIP(text.slice(0, slash));
  if (address === 'zone') return fail('IPv6 zones cannot be present in a prefix');
  if (typeof address === 'string') return fail(`ParseAddr(${JSON.stringify(text.slice(0, slash))}): ${address}`);
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits)) return fail(`bad bits after slash: ${JSON.stringify(bits)}`);
  if (Number(bits) > bitsOf(address)) return fail('prefix length out of range');
  if (isMappedIPv4(address)) return `IPv4-mapped IPv6 address ${quoted} is not allowed`;
  return new Cidr(address, Number(bits));
}

function cidr(text: string): Cidr {
  const value = readCidr(text);
  if (typeof value === 'string') throw new CelError(value);
  return value;
}

const containsIp = (subnet: Cidr, other: Ip) => containsIP(subnet, other.address);
const containsCidr = (subnet: Cidr, other: Cidr) => subnet.bits <= other.bits && containsIP(subnet, other.address);

const first = ({ address }: Ip, four: readonly [number, number], six: readonly [number, number]): boolean =>
  address.family === 4 ? startsWith(address, ...four) : startsWith(address, ...six);
const isUnspecified = (of: Ip) => of.address.value === 0n;
const isLoopback = (of: Ip) => (of.address.family === 4 ? startsWith(of.address, 127, 8) : of.address.value === 1n);
const isMulticast = (of: Ip) => first(of, [0xe, 4], [0xff, 8]);
const isLinkLocalUnicast = (of: Ip) => first(of, [0xa9fe, 16], [0x3fa, 10]);

function isLinkLocalMulticast({ address }: Ip): boolean {
  if (address.family === 4) return startsWith(address, 0xe00000, 24);
  return startsWith(address, 0xff, 8) && ((address.value >> 112n) & 0xfn) === 2n;
}

function isGlobalUnicast(of: Ip): boolean {
  const isBroadcast = of.address.family === 4 && of.address.value === 0xffffffffn;
  return !isBroadcast && !isUnspecified(of) && !isLoopback(of) && !isMulticast(of) && !isLinkLocalUnicast(of);
}

function isCanonical(text: string): boolean {
  return ip(text).toString() === text;
}

const ofIp = (name: string, id: string, test: (ip: Ip) => boolean) => member(name, id, 'net.IP -> bool', test);

export const addressLibrary: Library = {
  types: [
    ['net.IP', ipType],
    ['net.CIDR', cidrType],
  ],
  functions: [
    overload('ip', 'string_to_ip', 'string -> net.IP', ip),
    member('ip', 'cidr_ip', 'net.CIDR -> net.IP', (of: Cidr) => new Ip(of.address)),
    overload('isIP', 'is_ip', 'string -> bool', (text: string) => typeof readIp(text) !== 'string'),
    overload('ip.isCanonical', 'ip_is_canonical', 'string -> bool', isCanonical),
    member('family', 'ip_family', 'net.IP -> int', (of: Ip) => (of.address.family === 4 ? 4 : 6)),
    ofIp('isUnspecified', 'ip_is_unspecified', isUnspecified),
    ofIp('isLoopback', 'ip_is_loopback', isLoopback),
    ofIp('isLinkLocalMulticast', 'ip_is_link_local_multicast', isLinkLocalMulticast),
    ofIp('isLinkLocalUnicast', 'ip_is_link_local_unicast', isLinkLocalUnicast),
    ofIp('isGlobalUnicast', 'ip_is_global_unicast', isGlobalUnicast),
    overload('cidr', 'string_to_cidr', 'string -> net.CIDR', cidr),
    overload('isCIDR', 'is_cidr', 'string -> bool', (text: string) => typeof readCidr(text) !== 'string'),
    member('containsIP', 'cidr_contains_ip_string', 'net.CIDR, string -> bool', (of: Cidr, text: string) =>
      containsIp(of, ip(text)),
    ),
    member('containsIP', 'cidr_contains_ip_ip', 'net.CIDR, net.IP -> bool', containsIp),
    member('containsCIDR', 'cidr_contains_cidr_string', 'net.CIDR, string -> bool', (of: Cidr, text: string) =>
      containsCidr(of, cidr(text)),
    ),
    member('containsCIDR', 'cidr_contains_cidr', 'net.CIDR, net.CIDR -> bool', containsCidr),
    member('masked', 'masked_cidr', 'net.CIDR -> net.CIDR', (of: Cidr) => new Cidr(firstOf(of), of.bits)),
    member('prefixLength', 'cidr_prefix_length', 'net.CIDR -> int', (of: Cidr) => of.bits),
    overload('string', 'ip_to_string', 'net.IP -> string', String),
    overload('string', 'cidr_to_string', 'net.CIDR -> string', String),
  ],
};

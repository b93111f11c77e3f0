// IP addresses and networks of both families as numbers, and their one canonical text.
// https://www.rfc-editor.org/rfc/rfc5952 (the text of IPv6 addresses)

export interface IP {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A network, with the address as it was written: `10.1.2.3/16` keeps 10.1.2.3. */
export interface CIDR {
  readonly address: IP;
  /** Length of the prefix in bits. */
  readonly bits: number;
}

const lengthOf = (family: 4 | 6) => (family === 4 ? 32 : 128);

/** Reads an address; undefined where the text is none. Leading zeros in IPv4, which some read as octal, make it none. */
export function parseIP(text: string): IP | undefined {
  const read = readIP(text);
  return typeof read === 'string' ? undefined : read;
}

/** The address, or why there is none in the words of Go's netip; `zone` for one of IPv6 with a zone. */
export function readIP(text: string): IP | string {
  if (!text.includes(':') && !text.includes('.')) return 'unable to parse IP';
  const value = text.includes(':') ? readIPv6(text) : readIPv4(text);
  return typeof value === 'string' ? value : { family: text.includes(':') ? 6 : 4, value };
}

function readIPv4(text: string): bigint | string {
  const parts = text.split('.');
  // A slice may hold a hundred thousand: they are added up as numbers, which is quicker.
  let value = 0;
  for (const part of parts) {
    if (!/^\d+$/.test(part)) return part === '' ? 'IPv4 field must have at least one digit' : 'unexpected character';
    if (part.length > 1 && part.startsWith('0')) return 'IPv4 field has octet with leading zero';
    if (part.length > 3 || Number(part) > 255) return 'IPv4 field has value >255';
    value = value * 256 + Number(part);
  }
  if (parts.length === 4) return BigInt(value);
  return parts.length < 4 ? 'IPv4 address too short' : 'IPv4 address too long';
}

function readIPv6(text: string): bigint | string {
  if (text.length > 64) return 'trailing garbage after address';
  if (text.includes('%')) return 'zone';
  const halves = text.split('::');
  if (halves.length > 2) return 'multiple :: in address';
  const groups: bigint[][] = [];
  for (const [i, half] of halves.entries()) {
    const read = readGroups(half, i === halves.length - 1);
    if (typeof read === 'string') return read;
    groups.push(read);
  }
  const [head = [], tail = []] = groups;
  const count = head.length + tail.length;
  if (halves.length === 1 ? count < 8 : count > 7) {
    return halves.length === 1 ? 'address string too short' : 'the :: must expand to at least one field of zeros';
  }
  if (count > 8) return 'trailing garbage after address';
  const all = [...head, ...new Array<bigint>(8 - count).fill(0n), ...tail];
  return all.reduce((value, group) => value * 65536n + group, 0n);
}

/** The 16-bit groups of one side of `::`; the last two of the whole may be written as an IPv4 address. */
function readGroups(text: string, isLast: boolean): bigint[] | string {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && isLast && i === parts.length - 1) {
      const four = readIPv4(part);
      if (typeof four === 'string') return four;
      groups.push(four >> 16n, four & 0xffffn);
    } else if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      return part === '' ? 'each colon-separated field must have at least one digit' : 'unexpected character';
    } else groups.push(BigInt(`0x${part}`));
  }
  return groups;
}

const mappedPrefix = 0xffffn;

/** `::ffff:10.0.0.1`: an IPv4 address in the clothes of IPv6. */
export const isMappedIPv4 = ({ family, value }: IP): boolean => family === 6 && value >> 32n === mappedPrefix;

/** The canonical text; an IPv4 address mapped into IPv6 is shown as IPv4. */
export function formatIP(ip: IP): string {
  if (ip.family === 4 || isMappedIPv4(ip)) {
    return [24n, 16n, 8n, 0n].map((shift) => (ip.value >> shift) & 255n).join('.');
  }
  const groups = Array.from({ length: 8 }, (_, i) => (ip.value >> BigInt(112 - 16 * i)) & 0xffffn);
  const { start, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeros(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0n) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** Reads `address/bits`; undefined where it is none. Bits below the prefix may be set. */
export function parseCIDR(text: string): CIDR | undefined {
  const [written = '', length = '', ...rest] = text.split('/');
  const address = parseIP(written);
  if (!address || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const bits = Number(length);
  return bits <= lengthOf(address.family) ? { address, bits } : undefined;
}

const hostBits = ({ address, bits }: CIDR) => BigInt(lengthOf(address.family) - bits);

/** First address of the network: its own. */
export function firstOf(cidr: CIDR): IP {
  return { family: cidr.address.family, value: (cidr.address.value >> hostBits(cidr)) << hostBits(cidr) };
}

/** Last address of the network; IPv4 broadcasts on it. */
export function lastOf(cidr: CIDR): IP {
  return { family: cidr.address.family, value: firstOf(cidr).value + (1n << hostBits(cidr)) - 1n };
}

export const formatCIDR = (cidr: CIDR): string => `${formatIP(firstOf(cidr))}/${cidr.bits}`;

/** Whether the address lies in the network. */
export function containsIP(cidr: CIDR, ip: IP): boolean {
  if (ip.family !== cidr.address.family) return false;
  return ip.value >> hostBits(cidr) === cidr.address.value >> hostBits(cidr);
}

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
  const value = text.includes(':') ? parseIPv6(text) : parseIPv4(text);
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value };
}

function parseIPv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256)) return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function parseIPv6(text: string): bigint | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => groupsOf(half, i === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...(tail ?? [])];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

/** The 16-bit groups of one side of `::`; the last two of the whole may be written as an IPv4 address. */
function groupsOf(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && isLast && i === parts.length - 1) {
      const v4 = parseIPv4(part);
      if (v4 === undefined) return undefined;
      groups.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
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

// IP addresses and subnets of both families, as Go's netip reads and writes them.

/** An address: its bytes, 4 or 16, as one number. */
export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Reads an address; a string says why it is none. */
export function parseAddress(text: string): Address | string {
  if (text.includes(':')) return parse6(text);
  return text.includes('.') ? parse4(text) : 'unable to parse IP';
}

function parse4(text: string): Address | string {
  const parts = text.split('.');
  let value = 0n;
  for (const part of parts) {
    if (!/^\d+$/.test(part)) return part === '' ? 'IPv4 field must have at least one digit' : 'unexpected character';
    if (part.length > 1 && part.startsWith('0')) return 'IPv4 field has octet with leading zero';
    if (part.length > 3 || Number(part) > 255) return 'IPv4 field has value >255';
    value = value * 256n + BigInt(part);
  }
  if (parts.length === 4) return { bits: 32, value };
  return parts.length < 4 ? 'IPv4 address too short' : 'IPv4 address too long';
}

function parse6(text: string): Address | string {
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
  return { bits: 128, value: all.reduce((value, group) => value * 65536n + group, 0n) };
}

function readGroups(text: string, isLast: boolean): bigint[] | string {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && isLast && i === parts.length - 1) {
      const four = parse4(part);
      if (typeof four === 'string') return four;
      groups.push(four.value >> 16n, four.value & 0xffffn);
    } else if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      return part === '' ? 'each colon-separated field must have at least one digit' : 'unexpected character';
    } else groups.push(BigInt(`0x${part}`));
  }
  return groups;
}

/** Whether it is an IPv4 address written as one of IPv6. */
export const is4In6 = (address: Address): boolean => address.bits === 128 && address.value >> 32n === 0xffffn;

/** The canonical text: of IPv6 lower case, the longest run of zero groups left out. */
export function formatAddress({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  let [best, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [best, length] = [i, end - i];
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + length, 8)}`;
}

/** The address with all but the first bits zero. */
export function mask(address: Address, prefix: number): Address {
  const host = BigInt(address.bits - prefix);
  return { bits: address.bits, value: (address.value >> host) << host };
}

/** Whether the first bits of an address are these. */
export function startsWith(address: Address, first: number, prefix: number): boolean {
  return Number(address.value >> BigInt(address.bits - prefix)) === first;
}

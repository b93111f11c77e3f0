// The range that Services get their addresses from.
import { parseAddress } from '../../machinery/subnet.ts';

/** The usable addresses of a CIDR: without the network and the broadcast address. Throws on anything else. */
export function parseRange(cidr: string): { first: number; last: number } {
  const [text = '', bits = ''] = cidr.split('/');
  const base = parseAddress(text);
  const length = Number(bits);
  if (base === undefined || bits === '' || !Number.isInteger(length) || length < 8 || length > 30) {
    throw new Error(`${JSON.stringify(cidr)} is not an IPv4 range of /8 to /30`);
  }
  const size = 2 ** (32 - length);
  const start = Math.floor(base / size) * size;
  return { first: start + 1, last: start + size - 2 };
}

// The allocation of pod addresses. What is taken is read off the sandbox records, so there is no second list that could
// disagree with them.
import { formatAddress, parseAddress, type Subnet } from '../../../machinery/subnet.ts';

/** Parses `10.244.0.0/24`; bits below the mask are dropped. Throws on anything else. */
export function parseCidr(text: string): Subnet {
  const [address = '', length = ''] = text.split('/');
  const value = parseAddress(address);
  const prefixLength = Number(length);
  if (value === undefined || !/^\d{1,2}$/.test(length) || prefixLength > 32) {
    throw new Error(`"${text}" is not an IPv4 CIDR`);
  }
  return { base: value - (value % 2 ** (32 - prefixLength)), prefixLength };
}

/**
 * The next free address after `last` (round robin, so that a freed address rests before it is used again). The network
 * address, the first and the last one are left out. Null when all are taken.
 */
export function nextFreeIp(cidr: Subnet, taken: ReadonlySet<string>, last: string | undefined): string | null {
  const size = 2 ** (32 - cidr.prefixLength);
  const [first, end] = [cidr.base + 2, cidr.base + size - 1];
  const count = end - first;
  if (count <= 0) return null;
  const lastIp = parseAddress(last ?? '') ?? first - 1;
  const start = lastIp >= first && lastIp < end ? lastIp - first + 1 : 0;
  for (let i = 0; i < count; i++) {
    const ip = formatAddress(first + ((start + i) % count));
    if (!taken.has(ip)) return ip;
  }
  return null;
}

/** A locally administered MAC that follows from the address, so that neighbours need not be asked for it. */
export function macOf(ip: string): string {
  const bytes = ip.split('.').map((p) => Number(p).toString(16).padStart(2, '0'));
  return `0a:58:${bytes.join(':')}`;
}

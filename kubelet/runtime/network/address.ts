// IPv4 arithmetic and the allocation of pod addresses. What is taken is read off the sandbox records, so there is no
// second list that could disagree with them.

export interface Cidr {
  base: number;
  prefixLength: number;
}

export function parseIpv4(text: string): number {
  const parts = text.split('.');
  const valid = parts.length === 4 && parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) <= 255);
  if (!valid) throw new Error(`"${text}" is not an IPv4 address`);
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0);
}

export const formatIpv4 = (ip: number) => [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join('.');

export function parseCidr(text: string): Cidr {
  const [address = '', length = ''] = text.split('/');
  const prefixLength = Number(length);
  if (!/^\d{1,2}$/.test(length) || prefixLength > 32) throw new Error(`"${text}" is not an IPv4 CIDR`);
  const size = 2 ** (32 - prefixLength);
  return { base: Math.floor(parseIpv4(address) / size) * size, prefixLength };
}

export const formatCidr = ({ base, prefixLength }: Cidr) => `${formatIpv4(base)}/${prefixLength}`;

/**
 * The next free address after `last` (round robin, so that a freed address rests before it is used again). The network
 * address, the first and the last one are left out. Null when all are taken.
 */
export function nextFreeIp(cidr: Cidr, taken: ReadonlySet<string>, last: string | undefined): string | null {
  const size = 2 ** (32 - cidr.prefixLength);
  const [first, end] = [cidr.base + 2, cidr.base + size - 1];
  const count = end - first;
  if (count <= 0) return null;
  const lastIp = last === undefined ? first - 1 : parseIpv4(last);
  const start = lastIp >= first && lastIp < end ? lastIp - first + 1 : 0;
  for (let i = 0; i < count; i++) {
    const ip = formatIpv4(first + ((start + i) % count));
    if (!taken.has(ip)) return ip;
  }
  return null;
}

/** A locally administered MAC that follows from the address, so that neighbours need not be asked for it. */
export function macOf(ip: string): string {
  const bytes = ip.split('.').map((p) => Number(p).toString(16).padStart(2, '0'));
  return `0a:58:${bytes.join(':')}`;
}

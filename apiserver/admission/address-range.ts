// IPv4 addresses and ranges as numbers.

/** The address as a number, or undefined where the text is no IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256)) return undefined;
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

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

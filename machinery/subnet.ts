// IPv4 addresses and subnets as numbers: enough to derive a cluster's addresses, to hand out parts
// of a range, and to see whether two ranges clash.

export interface Subnet {
  base: number;
  prefixLength: number;
}

/**
 * The address as a number, or undefined where the text is no IPv4 address. Leading zeros, which
 * some read as octal, make it none.
 */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256)) return undefined;
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

const sizeOf = (prefixLength: number) => 2 ** (32 - prefixLength);

/** Parses `10.1.0.0/16`; an address alone is a /32. Throws on bits below the mask. */
export function parseSubnet(text: string): Subnet {
  const [address = '', length = '32', ...rest] = text.split('/');
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (prefixLength > 32 || rest.length > 0) throw new Error(`${JSON.stringify(text)} is no IPv4 subnet`);
  const base = parseAddress(address);
  if (base === undefined) throw new Error(`${JSON.stringify(address)} is no IPv4 address`);
  if (base % sizeOf(prefixLength) !== 0) {
    throw new Error(
      `${text} has bits below its mask; did you mean ${formatSubnet(maskSubnet({ base, prefixLength }))}?`,
    );
  }
  return { base, prefixLength };
}

function maskSubnet({ base, prefixLength }: Subnet): Subnet {
  return { base: base - (base % sizeOf(prefixLength)), prefixLength };
}

export function formatSubnet({ base, prefixLength }: Subnet): string {
  return `${formatAddress(base)}/${prefixLength}`;
}

/** The n-th address of a subnet; 0 is the network itself. */
export function addressAt(subnet: Subnet, n: number): string {
  if (n >= sizeOf(subnet.prefixLength)) throw new Error(`${formatSubnet(subnet)} has no address number ${n}`);
  return formatAddress(subnet.base + n);
}

/** The n-th subnet of `prefixLength` bits within a subnet. */
export function subnetAt(subnet: Subnet, prefixLength: number, n: number): string {
  if (prefixLength < subnet.prefixLength || (n + 1) * sizeOf(prefixLength) > sizeOf(subnet.prefixLength)) {
    throw new Error(`${formatSubnet(subnet)} has no /${prefixLength} number ${n}`);
  }
  return formatSubnet({ base: subnet.base + n * sizeOf(prefixLength), prefixLength });
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.base < b.base + sizeOf(b.prefixLength) && b.base < a.base + sizeOf(a.prefixLength);
}

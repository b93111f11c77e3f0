// What the storage interface asks of every call: its fields are there, its capabilities are ones this
// driver has. https://github.com/container-storage-interface/spec/blob/master/spec.md
import { status } from '@grpc/grpc-js';
import type { CapacityRange, Topology, VolumeCapability } from '../../proto/csi.gen.ts';
import { RpcError } from '../../proto/unary-server.ts';

export const invalid = (message: string) => new RpcError(status.INVALID_ARGUMENT, message);
export const notFound = (message: string) => new RpcError(status.NOT_FOUND, message);

/** What is called so. Throws where it is not there. */
export function there<T>(kind: 'volume' | 'snapshot', id: string, all: { get(id: string): T | undefined }): T {
  const found = all.get(id);
  if (!found) throw notFound(`${kind} ${id} is not there`);
  return found;
}

const maxNameBytes = 128;

/** Throws for fields that must be there, by their names. */
export function requireFields(fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === '') throw invalid(`${name} is missing`);
    const isPath = name.endsWith('path');
    if (!isPath && Buffer.byteLength(value) > maxNameBytes)
      throw invalid(`${name} is longer than ${maxNameBytes} bytes`);
    if (isPath && !value.startsWith('/')) throw invalid(`${name} is not an absolute path`);
  }
}

/** Why the driver cannot do what is asked of a volume; undefined when it can. */
export function lackOf(capabilities: readonly VolumeCapability[]): string | undefined {
  for (const { block, mount, access_mode } of capabilities) {
    if (block) return 'volumes of this driver are folders, not block devices';
    if (!mount) return 'the access type is missing';
    if (!access_mode || access_mode.mode === 'UNKNOWN') return 'the access mode is missing';
    if (mount.fs_type !== '' && mount.fs_type !== 'ext4') {
      return `file system ${JSON.stringify(mount.fs_type)} cannot be made: volumes are folders of the node's own`;
    }
  }
  return undefined;
}

export function requireCapabilities(capabilities: readonly (VolumeCapability | null)[]): void {
  const given = capabilities.filter((one) => one !== null);
  if (given.length === 0) throw invalid('volume capability is missing');
  const lack = lackOf(given);
  if (lack !== undefined) throw invalid(lack);
}

const defaultBytes = 1 << 20;

/** The size of a volume that was asked for so, in bytes. */
export function sizeOf(range: CapacityRange | null): number {
  const [required, limit] = [Number(range?.required_bytes ?? 0), Number(range?.limit_bytes ?? 0)];
  if (required < 0 || limit < 0) throw invalid('a size must not be negative');
  if (limit > 0 && required > limit)
    throw new RpcError(status.OUT_OF_RANGE, `${required} bytes are over the limit of ${limit}`);
  if (required > Number.MAX_SAFE_INTEGER)
    throw new RpcError(status.OUT_OF_RANGE, `no volume of this driver has more than ${Number.MAX_SAFE_INTEGER} bytes`);
  return required || (limit > 0 ? Math.min(limit, defaultBytes) : defaultBytes);
}

/** Whether a volume of that size is one that was asked for so. */
export function fits(bytes: number, range: CapacityRange | null): boolean {
  const [required, limit] = [Number(range?.required_bytes ?? 0), Number(range?.limit_bytes ?? 0)];
  return bytes >= required && (limit === 0 || bytes <= limit);
}

/** Whether a place is among those that were asked for; everywhere when none was. */
export function isAmong(own: Readonly<Record<string, string>>, places: readonly Topology[]): boolean {
  const holds = ({ segments }: Topology) => Object.entries(segments).every(([key, value]) => own[key] === value);
  return places.length === 0 || places.some(holds);
}

/** One page of a list, and the token of the next. */
export function page<T>(
  all: readonly T[],
  { max_entries, starting_token }: { max_entries: number; starting_token: string },
): { items: readonly T[]; next: string } {
  if (max_entries < 0) throw invalid('max_entries must not be negative');
  const start = starting_token === '' ? 0 : Number(starting_token);
  if (!/^\d*$/.test(starting_token) || start > all.length) {
    throw new RpcError(status.ABORTED, `starting_token ${JSON.stringify(starting_token)} is not one of this list`);
  }
  const end = max_entries > 0 ? Math.min(all.length, start + max_entries) : all.length;
  return { items: all.slice(start, end), next: end < all.length ? String(end) : '' };
}

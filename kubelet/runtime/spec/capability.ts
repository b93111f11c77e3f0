// Linux capabilities of a container: the usual fourteen, changed by the pod's add and drop lists.
import type { Capability } from '../../../proto/cri.gen.ts';
import type { OciCapabilities } from './oci.ts';

/** In the order of their bits. */
const allCapabilities: readonly string[] = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

export const defaultCapabilities: readonly string[] =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** Decodes a mask of /proc/PID/status (`CapBnd: 00000...`) into names. */
export function parseCapabilityMask(hex: string): string[] {
  const mask = BigInt(`0x${hex.trim()}`);
  return allCapabilities.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}

const normalise = (name: string) =>
  name.toUpperCase().startsWith('CAP_') ? name.toUpperCase() : `CAP_${name.toUpperCase()}`;

/**
 * The sets of a container. `available` is what the runtime itself holds: what it lacks cannot be given, and asking for
 * more would fail the pod. Without root the effective set is what the kernel leaves of it, as for any program.
 */
export function buildCapabilities(
  wanted: Capability | null,
  context: { privileged: boolean; available: readonly string[] },
): OciCapabilities {
  const available = new Set(context.available);
  if (context.privileged) return sets([...available], []);
  const chosen = new Set(defaultCapabilities);
  const adds = (wanted?.add_capabilities ?? []).map(normalise);
  const drops = (wanted?.drop_capabilities ?? []).map(normalise);
  if (adds.includes('CAP_ALL')) for (const name of allCapabilities) chosen.add(name);
  if (drops.includes('CAP_ALL')) chosen.clear();
  for (const name of adds) chosen.add(name);
  for (const name of drops) chosen.delete(name);
  const ambient = (wanted?.add_ambient_capabilities ?? []).map(normalise);
  for (const name of ambient) chosen.add(name);
  return sets(
    allCapabilities.filter((name) => chosen.has(name) && available.has(name)),
    ambient.filter((name) => available.has(name)),
  );
}

/** The first capability that does not exist, if any. */
export function findUnknownCapability(wanted: Capability | null): string | undefined {
  const names = [...(wanted?.add_capabilities ?? []), ...(wanted?.drop_capabilities ?? [])];
  return names.find((name) => normalise(name) !== 'CAP_ALL' && !allCapabilities.includes(normalise(name)));
}

function sets(names: string[], ambient: string[]): OciCapabilities {
  return { bounding: names, effective: names, permitted: names, inheritable: ambient, ambient };
}

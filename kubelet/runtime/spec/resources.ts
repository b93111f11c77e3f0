// Limits of the interface turned into those of the OCI specification and back into what statuses report.
import { cpuWeightOfShares } from '../../../machinery/cpu-weight.ts';
import type { LinuxContainerResources } from '../../../proto/cri.gen.ts';
import type { OciDeviceRule, OciResources } from './oci.ts';

/** What of the node decides how limits are written. */
export interface CgroupFacts {
  version: 1 | 2;
  /** What a privileged container may open: all that the node may. */
  devices: readonly OciDeviceRule[];
  /** Whether the hugetlb controller is there; limits of huge pages are dropped without it, as elsewhere. */
  hugetlb: boolean;
}

export function buildResources(
  wanted: LinuxContainerResources | null,
  facts: Pick<CgroupFacts, 'version' | 'hugetlb'>,
): OciResources {
  if (!wanted) return {};
  const out: OciResources = {};
  const cpu = {
    ...(facts.version === 1 ? positive('shares', wanted.cpu_shares) : {}),
    ...nonZero('quota', wanted.cpu_quota),
    ...positive('period', wanted.cpu_period),
    ...(wanted.cpuset_cpus ? { cpus: wanted.cpuset_cpus } : {}),
    ...(wanted.cpuset_mems ? { mems: wanted.cpuset_mems } : {}),
  };
  if (Object.keys(cpu).length > 0) out.cpu = cpu;
  const memory = {
    ...nonZero('limit', wanted.memory_limit_in_bytes),
    ...nonZero('swap', wanted.memory_swap_limit_in_bytes),
  };
  if (Object.keys(memory).length > 0) out.memory = memory;
  if (facts.hugetlb && wanted.hugepage_limits.length > 0) {
    out.hugepageLimits = wanted.hugepage_limits.map((x) => ({ pageSize: x.page_size, limit: Number(x.limit) }));
  }
  const unified = facts.version === 2 ? { ...weight(wanted.cpu_shares), ...wanted.unified } : {};
  if (Object.keys(unified).length > 0) out.unified = unified;
  return out;
}

// OCI runtimes convert shares each by a formula of their own age.
const weight = (shares: string): Record<string, string> =>
  Number(shares) > 0 ? { 'cpu.weight': String(cpuWeightOfShares(Number(shares))) } : {};

const positive = <K extends string>(key: K, value: string) =>
  (Number(value) > 0 ? { [key]: Number(value) } : {}) as { [P in K]?: number };

const nonZero = <K extends string>(key: K, value: string) =>
  (Number(value) !== 0 ? { [key]: Number(value) } : {}) as { [P in K]?: number };

const rw = 'rwm';

/** The devices every container may use: the terminals and the harmless memory devices; and mknod of anything. */
export const defaultDeviceRules: readonly OciDeviceRule[] = [
  { allow: false, access: rw },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[3, 5, 7, 8, 9].map((minor) => ({ allow: true, type: 'c', major: 1, minor, access: rw })),
  ...[0, 1, 2].map((minor) => ({ allow: true, type: 'c', major: 5, minor, access: rw })),
  { allow: true, type: 'c', major: 136, access: rw },
];

const allDevicesRule: OciDeviceRule = { allow: true, access: rw };

/** The rules that version 1's devices.list shows (`c 1:3 rwm`); anything where there is none, as on version 2. */
export function parseDevicesList(text: string | null): OciDeviceRule[] {
  const rules = (text ?? '').split('\n').flatMap((line): OciDeviceRule[] => {
    const [, type, major = '', minor = '', access = ''] = /^([cb]) (\d+|\*):(\d+|\*) (\w+)$/.exec(line) ?? [];
    if (type === undefined) return [];
    const numbers = {
      ...(major === '*' ? {} : { major: Number(major) }),
      ...(minor === '*' ? {} : { minor: Number(minor) }),
    };
    return [{ allow: true, type, ...numbers, access }];
  });
  return rules.length > 0 ? rules : [allDevicesRule];
}

/** The limits after an update: fields that are zero in the update keep their value. */
export function mergeResources(
  before: LinuxContainerResources | null,
  update: LinuxContainerResources,
): LinuxContainerResources {
  if (!before) return update;
  const isUnset = (value: unknown) => value === '0' || value === '';
  const kept = Object.entries(before).filter(([key]) => isUnset(update[key as keyof LinuxContainerResources]));
  return {
    ...update,
    ...Object.fromEntries(kept),
    hugepage_limits: update.hugepage_limits.length > 0 ? update.hugepage_limits : before.hugepage_limits,
    unified: { ...before.unified, ...update.unified },
  };
}

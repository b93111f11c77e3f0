// cgroup v2's cpu.weight for v1's cpu.shares, as the kubelet and OCI runtimes convert them today: a curve through
// (2, 1), (1024, 100) and (262144, 10000), so that a pod that asks for one CPU weighs as much as any other group.
// https://kubernetes.io/blog/2026/01/30/new-cgroup-v1-to-v2-cpu-conversion-formula/

const minShares = 2;
const maxShares = 262_144;

/** 1 to 10000; 0, which stands for "not set", stays 0. */
export function cpuWeightOfShares(shares: number): number {
  if (shares <= 0) return 0;
  if (shares <= minShares) return 1;
  if (shares >= maxShares) return 10_000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

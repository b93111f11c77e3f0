// Names of API versions in their order of preference: v2, v1, v1beta2, v1beta1, v1alpha1, then all others by the alphabet.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority

const pattern = /^v([1-9]\d{0,8})(?:(alpha|beta)([1-9]\d{0,8}))?$/;
const stability: Record<string, number> = { alpha: 1, beta: 2 };

function rankOf(version: string): [kind: number, major: number, minor: number] {
  const [, major, stage, minor] = pattern.exec(version) ?? [];
  if (!major) return [0, 0, 0];
  return [stage ? stability[stage]! : 3, Number(major), Number(minor ?? 0)];
}

/** Negative when `a` is preferred. */
export function compareVersions(a: string, b: string): number {
  const [rankA, rankB] = [rankOf(a), rankOf(b)];
  for (const i of [0, 1, 2] as const) if (rankA[i] !== rankB[i]) return rankB[i] - rankA[i];
  return a < b ? -1 : a > b ? 1 : 0;
}

// What an older version, or somebody's mistake, left out of a bootstrap object is put back at
// start; what was added stays. An object whose annotation says so is left alone.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
import { jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { findUncovered } from '../authz/rule-cover.ts';

const annotation = 'rbac.authorization.kubernetes.io/autoupdate';

export const isAutoUpdated = ({ metadata }: KubeObject): boolean => metadata.annotations?.[annotation] !== 'false';

/** The role or binding with what it lacks; equal to what it was when it lacks nothing. */
export function complete(existing: KubeObject, wanted: KubeObject): KubeObject {
  const { metadata } = existing;
  const labels = { ...wanted.metadata.labels, ...metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...metadata.annotations };
  const out: KubeObject = { ...existing, metadata: { ...metadata, labels, annotations } };
  if (wanted.aggregationRule) {
    // Its rules are the sum of others, which a controller keeps.
    const selectors = existing.aggregationRule?.clusterRoleSelectors ?? [];
    const clusterRoleSelectors = withMissing(selectors, wanted.aggregationRule.clusterRoleSelectors);
    out.aggregationRule = { ...existing.aggregationRule, clusterRoleSelectors };
  } else if (wanted.rules) {
    out.rules = [...(existing.rules ?? []), ...findUncovered(wanted.rules, existing.rules ?? [])];
  }
  if (wanted.subjects) out.subjects = withMissing(existing.subjects ?? [], wanted.subjects);
  return out;
}

const withMissing = (present: readonly unknown[], wanted: readonly unknown[]) => [
  ...present,
  ...wanted.filter((one) => !present.some((p) => jsonEqual(p, one))),
];

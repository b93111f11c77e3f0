// ClusterRole: permissions for any namespace or cluster-wide.
// With an aggregation rule its rules are written by a controller.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { defineKind } from '../../machinery/kind.ts';
import { labelSelector, objectFields } from '../../machinery/metadata.ts';
import { atomic, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { rbacGroup } from './binding.ts';
import { policyRule } from './policy-rule.ts';
import { validateClusterRole } from './validation.ts';

export const aggregationRule = s.api('rbac.v1.AggregationRule', 'How rules are gathered.', {
  clusterRoleSelectors: s.list(labelSelector, 'Labels of the cluster roles to gather.', atomic),
});

const schema = s.api('rbac.v1.ClusterRole', 'Permissions for use in any namespace or cluster-wide.', {
  ...objectFields,
  aggregationRule: s.field(aggregationRule, 'Makes the rules from other cluster roles.'),
  rules: s.list(policyRule, 'What is permitted.', { always: true, listType: 'atomic' }),
});
export interface ClusterRole extends ObjectOf<typeof schema> {}

export const ClusterRoleKind = defineKind<ClusterRole>({
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
  served: [{ group: rbacGroup, version: 'v1', schema }],
  nameRule: 'path',
  allowCreateOnUpdate: true,
  validate: validateClusterRole,
});

// ResourceQuota: the most that a namespace may use of each resource.
// Admission counts what comes; the controller counts what is there.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { column, defineKind } from '../../machinery/kind.ts';
import { ageColumn } from '../meta/columns.ts';
import { type ResourceQuota, resourceQuotaSchema } from './resourcequota/schema.ts';
import { validateQuota, validateQuotaStatus, validateQuotaUpdate } from './resourcequota/validation.ts';

/** `cpu: 1/2, pods: 0/10`: used of allowed, of limits or of everything else. */
function showUse({ status }: ResourceQuota, ofLimits: boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => name.startsWith('limits.') === ofLimits)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}

export const ResourceQuotaKind = defineKind<ResourceQuota>({
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  scope: 'Namespaced',
  shortNames: ['quota'],
  served: [{ group: '', version: 'v1', schema: resourceQuotaSchema }],
  subresources: { status: true },
  returnsDeletedObject: true,
  prepareForCreate: (quota) => {
    quota.status = {};
  },
  columns: [
    column('Request', 'string', 'What is used of what is allowed, but for limits.', (quota) => showUse(quota, false)),
    column('Limit', 'string', 'What is used of the limits that are allowed.', (quota) => showUse(quota, true)),
    ageColumn,
  ],
  validate: validateQuota,
  validateUpdate: validateQuotaUpdate,
  validateStatusUpdate: ({ status }) => validateQuotaStatus(status),
});

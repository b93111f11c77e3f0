// ComponentStatus: whether a part of the control plane is well. Asked for each time, never stored; long obsolete.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/component-status-v1/
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, mergedBy, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';

const componentCondition = s.api('core.v1.ComponentCondition', 'Whether a part of the control plane is well.', {
  error: s.string('What went wrong.'),
  message: s.string('Explanation for people.'),
  status: s.string('True, False or Unknown.', mandatory),
  type: s.string('Name of the condition.', mandatory),
});

const schema = s.api('core.v1.ComponentStatus', 'Whether a part of the control plane is well; obsolete.', {
  ...objectFields,
  conditions: s.list(componentCondition, 'Healthy.', mergedBy('type')),
});
export interface ComponentStatus extends ObjectOf<typeof schema> {}

const healthOf = ({ conditions }: ComponentStatus) => conditions?.find(({ type }) => type === 'Healthy');

export const ComponentStatusKind = defineKind<ComponentStatus>({
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  scope: 'Cluster',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  stored: false,
  served: [{ group: '', version: 'v1', schema, deprecation: 'v1 ComponentStatus is deprecated in v1.19+' }],
  columns: [
    column('Status', 'string', 'Healthy, Unhealthy or Unknown.', (component) => {
      const health = healthOf(component);
      return health ? (health.status === 'True' ? 'Healthy' : 'Unhealthy') : 'Unknown';
    }),
    column('Message', 'string', 'What it answers.', (component) => healthOf(component)?.message ?? ''),
    column('Error', 'string', 'What went wrong.', (component) => healthOf(component)?.error ?? ''),
  ],
});

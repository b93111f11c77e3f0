// Tolerations, topology spread, gates and groups: the rest of what the scheduler reads.
// Upstream: staging/src/k8s.io/api/core/v1. Validation: scheduling-validation.ts.
import { labelSelector } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

export const toleration = s.api('core.v1.Toleration', 'Lets a pod onto nodes with matching taints.', {
  effect: s.string('Effect to tolerate; all when empty.', { enum: ['NoExecute', 'NoSchedule', 'PreferNoSchedule'] }),
  key: s.string('Taint key; all with operator Exists when empty.'),
  operator: s.string('Equal or Exists; Lt and Gt compare numbers.', { enum: ['Equal', 'Exists', 'Gt', 'Lt'] }),
  tolerationSeconds: s.int64('Seconds a NoExecute taint is tolerated; forever when absent.', { pointer: true }),
  value: s.string('Taint value for Equal.'),
});
export interface Toleration extends TypeOf<typeof toleration> {}

export const topologySpreadConstraint = s.api('core.v1.TopologySpreadConstraint', 'How evenly pods are spread.', {
  labelSelector: s.field(labelSelector, 'Pods that are counted.'),
  matchLabelKeys: s.list(s.string(''), 'Keys whose value in the new pod the counted pods must share.', atomic),
  maxSkew: s.int32('Largest difference between domains.', mandatory),
  minDomains: s.int32('Least number of domains.', { pointer: true }),
  nodeAffinityPolicy: s.string("Whether nodes outside the pod's node affinity count: Honor or Ignore.", {
    pointer: true,
    enum: ['Honor', 'Ignore'],
  }),
  nodeTaintsPolicy: s.string('Whether nodes with untolerated taints count: Honor or Ignore.', {
    pointer: true,
    enum: ['Honor', 'Ignore'],
  }),
  topologyKey: s.string('Node label that makes a domain.', mandatory),
  whenUnsatisfiable: s.string('DoNotSchedule or ScheduleAnyway.', {
    ...mandatory,
    enum: ['DoNotSchedule', 'ScheduleAnyway'],
  }),
});
export interface TopologySpreadConstraint extends TypeOf<typeof topologySpreadConstraint> {}

export const podSchedulingGate = s.api('core.v1.PodSchedulingGate', 'Holds back scheduling.', {
  name: s.string('Name of the gate.', mandatory),
});
export interface PodSchedulingGate extends TypeOf<typeof podSchedulingGate> {}

export const podSchedulingGroup = s.api('core.v1.PodSchedulingGroup', 'The group a pod is scheduled with.', {
  podGroupName: s.string('Name of the PodGroup.', { pointer: true }),
});

export const podReadinessGate = s.api('core.v1.PodReadinessGate', 'A condition that readiness depends on.', {
  conditionType: s.string('Type of the pod condition.', mandatory),
});

export const podResourceClaim = s.api('core.v1.PodResourceClaim', 'A claim on devices; exactly one source.', {
  name: s.string('Name that containers refer to.', mandatory),
  resourceClaimName: s.string('An existing ResourceClaim.', { pointer: true }),
  resourceClaimTemplateName: s.string('A template from which a claim is made for this pod.', { pointer: true }),
});

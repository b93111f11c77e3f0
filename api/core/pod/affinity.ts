// Scheduling rules about nodes and about other pods.
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ Validation: scheduling-validation.ts.
import { labelSelector } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

const nodeSelectorRequirement = s.api('core.v1.NodeSelectorRequirement', "One condition on a node's label or field.", {
  key: s.string('Label key or field name.', mandatory),
  operator: s.string('In, NotIn, Exists, DoesNotExist, Gt or Lt.', {
    ...mandatory,
    enum: ['DoesNotExist', 'Exists', 'Gt', 'In', 'Lt', 'NotIn'],
  }),
  values: s.list(s.string(''), 'Values to compare with.', atomic),
});
export interface NodeSelectorRequirement extends TypeOf<typeof nodeSelectorRequirement> {}

export const nodeSelectorTerm = s.atomic('core.v1.NodeSelectorTerm', 'Matches nodes; all its conditions must hold.', {
  matchExpressions: s.list(nodeSelectorRequirement, 'Conditions on labels.', atomic),
  matchFields: s.list(nodeSelectorRequirement, 'Conditions on fields.', atomic),
});
export interface NodeSelectorTerm extends TypeOf<typeof nodeSelectorTerm> {}

export const nodeSelector = s.atomic('core.v1.NodeSelector', 'Matches nodes; one of its terms must match.', {
  nodeSelectorTerms: s.list(nodeSelectorTerm, 'The terms.', { ...mandatory, ...atomic }),
});
export interface NodeSelector extends TypeOf<typeof nodeSelector> {}

const preferredSchedulingTerm = s.api('core.v1.PreferredSchedulingTerm', 'A weighted preference for nodes.', {
  preference: s.field(nodeSelectorTerm, 'Which nodes.', mandatory),
  weight: s.int32('1 to 100.', mandatory),
});

export const nodeAffinity = s.api('core.v1.NodeAffinity', 'Rules about the labels and fields of nodes.', {
  preferredDuringSchedulingIgnoredDuringExecution: s.list(
    preferredSchedulingTerm,
    'Preferences, each with a weight.',
    atomic,
  ),
  requiredDuringSchedulingIgnoredDuringExecution: s.field(nodeSelector, 'What the node must match.'),
});
export interface NodeAffinity extends TypeOf<typeof nodeAffinity> {}

export const podAffinityTerm = s.api('core.v1.PodAffinityTerm', 'A set of pods, and a topology in which they count.', {
  labelSelector: s.field(labelSelector, 'Labels of the pods.'),
  matchLabelKeys: s.list(s.string(''), 'Keys whose value in the new pod the other pods must share.', atomic),
  mismatchLabelKeys: s.list(s.string(''), 'Keys whose value in the new pod the other pods must not share.', atomic),
  namespaceSelector: s.field(labelSelector, "Labels of the pods' namespaces."),
  namespaces: s.list(s.string(''), "Names of the pods' namespaces.", atomic),
  topologyKey: s.string('Node label that makes nodes count as one place.', mandatory),
});
export interface PodAffinityTerm extends TypeOf<typeof podAffinityTerm> {}

const weightedPodAffinityTerm = s.api('core.v1.WeightedPodAffinityTerm', 'A weighted preference about other pods.', {
  podAffinityTerm: s.field(podAffinityTerm, 'Which pods, and within what.', mandatory),
  weight: s.int32('1 to 100.', mandatory),
});

const podAffinityFields = {
  preferredDuringSchedulingIgnoredDuringExecution: s.list(
    weightedPodAffinityTerm,
    'Preferences, each with a weight.',
    atomic,
  ),
  requiredDuringSchedulingIgnoredDuringExecution: s.list(podAffinityTerm, 'Must hold when the pod is placed.', atomic),
} as const;

export const podAffinity = s.api('core.v1.PodAffinity', 'Pods to be near to.', podAffinityFields);
export interface PodAffinity extends TypeOf<typeof podAffinity> {}

export const podAntiAffinity = s.api('core.v1.PodAntiAffinity', 'Pods to stay away from.', podAffinityFields);

export const affinity = s.api('core.v1.Affinity', 'Scheduling rules of a pod.', {
  nodeAffinity: s.field(nodeAffinity, 'Which nodes.'),
  podAffinity: s.field(podAffinity, 'Near which pods.'),
  podAntiAffinity: s.field(podAntiAffinity, 'Away from which pods.'),
});
export interface Affinity extends TypeOf<typeof affinity> {}

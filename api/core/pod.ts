// Pod: containers that run together on one node.
// The index of its parts: schemas, defaults, validation and columns stand in pod/. The spec is nearly immutable;
// what must change goes through subresources. https://kubernetes.io/docs/concepts/workloads/pods/

import { jsonEqual } from '../../machinery/json.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { isFinished, podColumns } from './pod/columns.ts';
import { setPodDefaults, syncServiceAccount } from './pod/defaults.ts';
import { takeEphemeralContainers, validateEphemeralContainersUpdate } from './pod/ephemeral-update.ts';
import { podSpec } from './pod/pod-spec.ts';
import { podStatus } from './pod/pod-status.ts';
import { qosClassOf } from './pod/qos.ts';
import { takeResources, validatePodResize } from './pod/resize.ts';
import { validatePodStatusUpdate } from './pod/status-validation.ts';
import { validatePod, validatePodUpdate } from './pod/validation.ts';
import { warnOfName, warnOfPod } from './pod/warnings.ts';

export const podSchema = s.api('core.v1.Pod', 'Containers that run together on one node.', {
  ...objectFields,
  spec: s.field(podSpec, 'What should run.', { always: true }),
  status: s.field(podStatus, 'What runs; written by the kubelet.', { always: true }),
});
export interface Pod extends ObjectOf<typeof podSchema> {}

export const PodKind = defineKind<Pod>({
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  shortNames: ['po'],
  categories: ['all'],
  served: [{ group: '', version: 'v1', schema: podSchema, setDefaults: setPodDefaults }],
  subresources: {
    status: true,
    custom: [
      { name: 'attach', verbs: ['create', 'get'], kind: { group: '', version: 'v1', kind: 'PodAttachOptions' } },
      { name: 'binding', verbs: ['create'], kind: { group: '', version: 'v1', kind: 'Binding' } },
      {
        name: 'ephemeralcontainers',
        verbs: ['get', 'patch', 'update'],
        prepareForUpdate: (draft, old, _context, sent) =>
          takePart(draft, old, () => takeEphemeralContainers(draft, old, sent)),
        validateUpdate: validateEphemeralContainersUpdate,
      },
      { name: 'eviction', verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
      { name: 'exec', verbs: ['create', 'get'], kind: { group: '', version: 'v1', kind: 'PodExecOptions' } },
      { name: 'log', verbs: ['get'] },
      {
        name: 'portforward',
        verbs: ['create', 'get'],
        kind: { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
      },
      {
        name: 'proxy',
        verbs: ['create', 'delete', 'get', 'patch', 'update'],
        kind: { group: '', version: 'v1', kind: 'PodProxyOptions' },
      },
      {
        name: 'resize',
        verbs: ['get', 'patch', 'update'],
        prepareForUpdate: (draft, old, _context, sent) => takePart(draft, old, () => takeResources(draft, old, sent)),
        validateUpdate: validatePodResize,
      },
    ],
  },
  hasGeneration: true,
  returnsDeletedObject: true,
  prepareForCreate,
  prepareForUpdate: normalizeSpec,
  prepareForStatusUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  gracePeriodSeconds,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? pod.status?.podIPs?.[0]?.ip ?? '',
    // Anybody may ask for it and nobody has it, as upstream.
    'status.podIPs': () => '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  fieldAliases: { 'spec.host': 'spec.nodeName' },
  columns: podColumns,
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  warnings: (pod, old) => (old ? [] : [...warnOfName(pod, "in the Pod's hostname"), ...warnOfPod(pod, '')]),
});

/** A write to a part of the spec, by `take`: everything else is as it was. */
function takePart(draft: Pod, old: Pod, take: () => void): void {
  const { resourceVersion, managedFields } = draft.metadata;
  draft.metadata = { ...old.metadata, ...(resourceVersion ? { resourceVersion } : {}) };
  if (managedFields) draft.metadata.managedFields = managedFields;
  if (old.status === undefined) delete (draft as Partial<Pod>).status;
  else draft.status = old.status;
  take();
  if (!jsonEqual(draft.spec, old.spec)) draft.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

/** A negative grace period means the shortest one. */
function normalizeSpec({ spec }: Pod): void {
  syncServiceAccount(spec);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
}

/** The selectors of terms say what label keys mean for this pod. Upstream: applyMatchLabelKeysAndMismatchLabelKeys. */
function mergeLabelKeys({ metadata: { labels = {} }, spec }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
  ]);
  for (const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } of terms) {
    const merge = (keys: readonly string[], operator: 'In' | 'NotIn') =>
      keys.filter((key) => Object.hasOwn(labels, key)).map((key) => ({ key, operator, values: [labels[key]!] }));
    const merged = [...merge(matchLabelKeys, 'In'), ...merge(mismatchLabelKeys, 'NotIn')];
    if (!labelSelector || merged.length === 0) continue;
    labelSelector.matchExpressions = [...(labelSelector.matchExpressions ?? []), ...merged];
  }
}

function prepareForCreate(pod: Pod): void {
  normalizeSpec(pod);
  mergeLabelKeys(pod);
  pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  if (!pod.spec.schedulingGates?.length) return;
  pod.status.conditions = [
    {
      type: 'PodScheduled',
      status: 'False',
      observedGeneration: 1,
      lastProbeTime: null as never,
      lastTransitionTime: null as never,
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    },
  ];
}

// Writers of a status may know one address or many; readers find both forms. The class was decided
// when the pod was made.
function prepareForStatusUpdate(next: Pod, old: Pod): void {
  const { status } = next;
  if (!status) return;
  if (status.podIP && status.podIPs?.[0]?.ip !== status.podIP) status.podIPs = [{ ip: status.podIP }];
  if (status.hostIP && status.hostIPs?.[0]?.ip !== status.hostIP) status.hostIPs = [{ ip: status.hostIP }];
  status.qosClass ||= old.status?.qosClass;
}

/** A pod that nobody runs, or that has run, goes at once; a negative period means the shortest one. */
function gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
  if (!pod.spec.nodeName || isFinished(pod)) return 0;
  const period = requested ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return period < 0 ? 1 : period;
}

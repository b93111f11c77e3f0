// What makes a pod of a stateful set the one of its number: name, labels, host name and claims. Pure. Upstream:
// stateful_set_utils.go of pkg/controller/statefulset.
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { OwnerReference } from '../../machinery/metadata.ts';
import { controllerRef } from '../pods/claim.ts';
import { podFromTemplate } from '../pods/pod-control.ts';

/** On pods: the name of their revision. */
export const revisionLabel = 'controller-revision-hash';
const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

export const podName = (set: StatefulSet, ordinal: number) => `${set.metadata.name}-${ordinal}`;
export const startOf = ({ spec }: StatefulSet) => spec.ordinals?.start ?? 0;
export const replicasOf = ({ spec }: StatefulSet) => spec.replicas ?? 1;

/** The number of a pod; undefined for a name that is none of the set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const [, parent, digits = ''] = /^(.*)-(0|[1-9]\d{0,9})$/.exec(pod.metadata.name ?? '') ?? [];
  return parent === set.metadata.name ? Number(digits) : undefined;
}

export function isInRange(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOf(set) && ordinal < startOf(set) + replicasOf(set);
}

/** Labels that a pod has by its number. */
export function identityLabels(set: StatefulSet, ordinal: number): Record<string, string> {
  return { [nameLabel]: podName(set, ordinal), [indexLabel]: String(ordinal) };
}

export const hasIdentity = ({ metadata }: Pod) => metadata.labels?.[nameLabel] === metadata.name;

/** The claims of a pod, by the volume they are for. */
export function claimsOf(set: StatefulSet, ordinal: number): Map<string, PersistentVolumeClaim> {
  return new Map(
    (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => {
      const { name: volume = '', labels, annotations } = metadata ?? {};
      const claim = {
        metadata: {
          name: `${volume}-${podName(set, ordinal)}`,
          namespace: set.metadata.namespace ?? '',
          labels: { ...labels, ...set.spec.selector?.matchLabels },
          ...(annotations ? { annotations: { ...annotations } } : {}),
        },
        spec: cloneJson(spec),
      };
      return [volume, claim as PersistentVolumeClaim];
    }),
  );
}

/** The pod of a number, from the template that the set has. */
export function buildPod(set: StatefulSet, ordinal: number, revision: string): Pod {
  const pod = podFromTemplate(StatefulSetKind, set, set.spec.template!);
  const name = podName(set, ordinal);
  const claims = claimsOf(set, ordinal);
  const claimed = [...claims].map(([volume, { metadata }]) => ({
    name: volume,
    persistentVolumeClaim: { claimName: metadata.name ?? '' },
  }));
  const volumes = [...claimed, ...(pod.spec.volumes ?? []).filter((volume) => !claims.has(volume.name))];
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      name,
      labels: { ...pod.metadata.labels, ...identityLabels(set, ordinal), [revisionLabel]: revision },
    },
    spec: {
      ...pod.spec,
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  } as Pod;
}

/** Who owns a claim by the set's retention policy: whose end it goes with. Others' references stay. */
export function claimOwners(
  set: StatefulSet,
  { ordinal, pod, present = [] }: { ordinal: number; pod?: Pod | undefined; present?: readonly OwnerReference[] },
): OwnerReference[] {
  const isOurs = ({ kind, name }: OwnerReference) =>
    (kind === StatefulSetKind.kind && name === set.metadata.name) ||
    (kind === PodKind.kind && name === podName(set, ordinal));
  const kept = present.filter((owner) => !isOurs(owner));
  if (kept.some((owner) => owner.controller)) return kept;
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && !isInRange(set, ordinal)) return pod ? [...kept, controllerRef(PodKind, pod)] : kept;
  return whenDeleted === 'Delete' ? [...kept, controllerRef(StatefulSetKind, set)] : kept;
}

/** Whether a claim is still that of a pod of this name that is gone: it goes too, and must not be used again. */
export function isStaleClaim(claim: PersistentVolumeClaim, name: string, pod: Pod | undefined): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    (owner) => owner.kind === PodKind.kind && owner.name === name && owner.uid !== pod?.metadata.uid,
  );
}

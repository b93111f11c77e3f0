// The Secrets and ConfigMaps that a pod names. Upstream: VisitPodSecretNames and VisitPodConfigmapNames.
import type { ObjectMeta } from '../../../machinery/metadata.ts';
import { containersOf } from './containers.ts';
import type { PodSpec } from './pod-spec.ts';

type Loose = any;

/** Names of all that environments and projected volumes take from objects of one sort. */
function* namesInSources(spec: PodSpec, sort: 'secret' | 'configMap'): Generator<string | undefined> {
  for (const container of containersOf(spec) as Loose[]) {
    for (const from of container.envFrom ?? []) yield from[`${sort}Ref`]?.name;
    for (const { valueFrom } of container.env ?? []) yield valueFrom?.[`${sort}KeyRef`]?.name;
  }
  for (const { projected } of (spec.volumes ?? []) as Loose[]) {
    for (const source of projected?.sources ?? []) yield source[sort]?.name;
  }
}

function* secretNames(spec: PodSpec): Generator<string | undefined> {
  yield* namesInSources(spec, 'secret');
  for (const { name } of spec.imagePullSecrets ?? []) yield name;
  for (const volume of (spec.volumes ?? []) as Loose[]) {
    yield volume.secret?.secretName;
    yield volume.azureFile?.secretName;
    yield volume.csi?.nodePublishSecretRef?.name;
    for (const source of ['cephfs', 'flexVolume', 'rbd', 'scaleIO', 'iscsi', 'storageos']) {
      yield volume[source]?.secretRef?.name;
    }
  }
}

function* configMapNames(spec: PodSpec): Generator<string | undefined> {
  yield* namesInSources(spec, 'configMap');
  for (const { configMap } of (spec.volumes ?? []) as Loose[]) yield configMap?.name;
}

function* claimNames(podName: string, spec: PodSpec): Generator<string | undefined> {
  for (const { name, persistentVolumeClaim, ephemeral } of (spec.volumes ?? []) as Loose[]) {
    yield persistentVolumeClaim?.claimName;
    if (ephemeral) yield `${podName}-${name}`;
  }
}

/** Of a pod: claims on devices that it names, and those made for it. */
function* resourceClaimNames({ spec, status }: { spec: PodSpec; status?: Loose }): Generator<string | undefined> {
  for (const { resourceClaimName } of spec.resourceClaims ?? []) yield resourceClaimName;
  for (const { resourceClaimName } of status?.resourceClaimStatuses ?? []) yield resourceClaimName;
  yield status?.extendedResourceClaimStatus?.resourceClaimName;
}

const setOf = (names: Iterable<string | undefined>) => new Set([...names].filter((name) => !!name) as string[]);

export const podSecretNames = (spec: PodSpec): Set<string> => setOf(secretNames(spec));
export const podConfigMapNames = (spec: PodSpec): Set<string> => setOf(configMapNames(spec));
/** Claims that volumes name, and those made for its ephemeral volumes. */
export const podClaimNames = (podName: string, spec: PodSpec): Set<string> => setOf(claimNames(podName, spec));
/** Keys of the same claims, of a whole pod. */
export const podClaimKeys = ({ metadata, spec }: { metadata: ObjectMeta; spec: PodSpec }): string[] =>
  [...podClaimNames(metadata.name ?? '', spec)].map((name) => `${metadata.namespace}/${name}`);
export const podResourceClaimNames = (pod: { spec: PodSpec; status?: Loose }): Set<string> =>
  setOf(resourceClaimNames(pod));

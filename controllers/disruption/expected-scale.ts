// How many pods there should be, as the controllers of the pods say by their replicas: what percentages of a budget are
// taken of. Upstream: getExpectedScale and the finders of pkg/controller/disruption.
import type { Deployment } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ReplicationController } from '../../api/core/replicationcontroller.ts';
import type { Lister } from '../../client/store.ts';
import { parseApiVersion } from '../../machinery/kind.ts';
import { controllerOf, type KubeObject, type OwnerReference } from '../../machinery/metadata.ts';

/** Nobody can say how many pods there should be. */
export class UnknownScaleError extends Error {}

export interface ControllerScale {
  uid: string;
  replicas: number;
}

export interface ScaleSources {
  deployments: Pick<Lister<Deployment>, 'get'>;
  replicaSets: Pick<Lister<ReplicaSet>, 'get'>;
  statefulSets: Pick<Lister<StatefulSet>, 'get'>;
  replicationControllers: Pick<Lister<ReplicationController>, 'get'>;
  /** Asks the scale subresource of anything else. Throws UnknownScaleError where there is none. */
  readScale(owner: OwnerReference, namespace: string): Promise<ControllerScale | undefined>;
}

export interface ExpectedScale {
  expected: number;
  /** Names of pods without a controller. */
  unmanaged: string[];
}

/** The sum over the controllers of the pods. */
export async function expectedScale(pods: readonly Pod[], sources: ScaleSources): Promise<ExpectedScale> {
  const scales = new Map<string, number>();
  const asked = new Set<string>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const { name = '', namespace = '' } = pod.metadata;
    const owner = controllerOf(pod);
    if (!owner) unmanaged.push(name);
    if (!owner || asked.has(owner.uid)) continue;
    const found = cachedScale(owner, namespace, sources) ?? (await sources.readScale(owner, namespace));
    if (!found) throw new UnknownScaleError(`found no controllers for pod ${JSON.stringify(name)}`);
    asked.add(owner.uid);
    scales.set(found.uid, found.replicas);
  }
  return { expected: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
}

function cachedScale(owner: OwnerReference, namespace: string, sources: ScaleSources): ControllerScale | undefined {
  const key = `${namespace}/${owner.name}`;
  const kind = `${parseApiVersion(owner.apiVersion).group}/${owner.kind}`;
  if (kind === '/ReplicationController') return replicasOf(sources.replicationControllers.get(key), owner);
  if (kind === 'apps/StatefulSet') return replicasOf(sources.statefulSets.get(key), owner);
  return kind === 'apps/ReplicaSet' ? scaleOfReplicaSet(owner, namespace, sources) : undefined;
}

/** A deployment speaks for its sets: while it rolls, they have more or fewer pods than it wants. */
function scaleOfReplicaSet(owner: OwnerReference, namespace: string, sources: ScaleSources) {
  const set = sources.replicaSets.get(`${namespace}/${owner.name}`);
  const above = set && set.metadata.uid === owner.uid ? controllerOf(set) : undefined;
  if (above?.kind !== 'Deployment') return replicasOf(set, owner);
  return replicasOf(sources.deployments.get(`${namespace}/${above.name}`), above);
}

function replicasOf(
  workload: (KubeObject & { spec: { replicas?: number } }) | undefined,
  owner: OwnerReference,
): ControllerScale | undefined {
  if (workload?.metadata.uid !== owner.uid) return undefined;
  return { uid: owner.uid, replicas: workload.spec.replicas ?? 1 };
}

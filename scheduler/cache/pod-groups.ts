// Which pods belong together though they do not say so themselves: by the services that select them and the controller
// that made them. Upstream: DefaultSelector of the scheduler's plugins.
import { LRUCache } from 'lru-cache';
import { type ReplicaSet, ReplicaSetKind } from '../../api/apps/replicaset.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import type { Pod } from '../../api/core/pod.ts';
import { ReplicationControllerKind } from '../../api/core/replicationcontroller.ts';
import { type Service, ServiceKind } from '../../api/core/service.ts';
import type { Informer } from '../../client/informer.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { matchesLabels, selectorFromLabels } from '../../machinery/labels.ts';
import { controllerOf, type KubeObject, type LabelSelector } from '../../machinery/metadata.ts';

export type GroupInformers = ReturnType<typeof groupInformers>;

export function groupInformers(informer: <T extends KubeObject>(kind: Kind<T>) => Informer<T>) {
  return {
    services: informer(ServiceKind),
    replicationControllers: informer(ReplicationControllerKind),
    replicaSets: informer(ReplicaSetKind),
    statefulSets: informer(StatefulSetKind),
  };
}

const keptSelectors = 10_000;
/** Of a pod that belongs to no group. */
const nothing: LabelSelector = Object.freeze({});

export class PodGroups {
  readonly #informers: GroupInformers;
  /** By what they follow from; none is left when that has changed. */
  readonly #selectors = new LRUCache<string, LabelSelector>({ max: keptSelectors });

  constructor(informers: GroupInformers) {
    this.#informers = informers;
    for (const informer of Object.values(informers) as Informer<Service | ReplicaSet>[])
      informer.onChange((object, old) => {
        if (!jsonEqual(object?.spec?.selector, old?.spec?.selector)) this.#selectors.clear();
      });
  }

  synced(): Promise<unknown> {
    return Promise.all(Object.values(this.#informers).map((informer: Informer<any>) => informer.synced()));
  }

  /** What all pods of the pod's group have in common; undefined for one that belongs to none. */
  selectorOf(pod: Pod): LabelSelector | undefined {
    const { namespace, labels = {} } = pod.metadata;
    const owner = controllerOf(pod);
    const key = JSON.stringify([namespace, labels, owner?.apiVersion, owner?.kind, owner?.name]);
    let selector = this.#selectors.get(key);
    if (!selector) {
      selector = this.#find(pod);
      this.#selectors.set(key, selector);
    }
    return selector === nothing ? undefined : selector;
  }

  #find(pod: Pod): LabelSelector {
    const { namespace = '', labels } = pod.metadata;
    const matchLabels: Record<string, string> = {};
    for (const { spec } of this.#informers.services.lister.inNamespace(namespace))
      if (spec.selector && matchesLabels(selectorFromLabels(spec.selector), labels))
        Object.assign(matchLabels, spec.selector);
    const ofOwner = this.#ownerSelector(pod) ?? {};
    const matchExpressions = [
      // Not merged: what an owner says holds beside what services say.
      ...Object.entries(ofOwner.matchLabels ?? {}).map(([k, value]) => ({ key: k, operator: 'In', values: [value] })),
      ...(ofOwner.matchExpressions ?? []),
    ];
    const isNothing = matchExpressions.length === 0 && Object.keys(matchLabels).length === 0;
    return isNothing ? nothing : Object.freeze({ matchLabels, matchExpressions });
  }

  #ownerSelector(pod: Pod): LabelSelector | undefined {
    const { replicationControllers, replicaSets, statefulSets } = this.#informers;
    const owner = controllerOf(pod);
    if (!owner) return undefined;
    const key = `${pod.metadata.namespace}/${owner.name}`;
    switch (`${owner.apiVersion} ${owner.kind}`) {
      case 'v1 ReplicationController':
        return { matchLabels: replicationControllers.lister.get(key)?.spec.selector };
      case 'apps/v1 ReplicaSet':
        return replicaSets.lister.get(key)?.spec.selector;
      case 'apps/v1 StatefulSet':
        return statefulSets.lister.get(key)?.spec.selector;
      default:
        return undefined;
    }
  }
}

// How a workload controller hears of its pods: expectations are kept as they come and go, orphans
// wake those that may adopt them.

import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { Expectations } from '../../client/expectations.ts';
import type { Lister } from '../../client/store.ts';
import type { Kind } from '../../machinery/kind.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import { controllerOf, type KubeObject, keyOf, type LabelSelector } from '../../machinery/metadata.ts';
import { candidatesIn } from './claim.ts';

export interface OwnedPods {
  pods: Lister<Pod>;
  /** By the owner's uid: pods of one that had its name before are none of its business. */
  expectations: Expectations;
  /**
   * Whether everything expected of the owner's pods has been seen. If not, the owner comes back
   * when it is given up, should nothing bring it before.
   */
  isSettled(owner: KubeObject): boolean;
  /** Pods of the namespace that the owner controls or could adopt. */
  candidates(owner: KubeObject): Pod[];
}

/** Watches pods on behalf of the owners of a kind. Call it before the controller starts. */
export function watchOwnedPods(
  context: ControllerContext,
  ownerKind: Kind,
  owners: Lister<KubeObject>,
  enqueue: (key: string, afterMs?: number) => void,
  selectorOf = (owner: KubeObject) => owner.spec?.selector as LabelSelector | undefined,
): OwnedPods {
  const informer = context.informer(PodKind);
  const expectations = new Expectations(context.clock);
  const ownerOf = (pod: Pod): string | undefined => {
    const owner = controllerOf(pod);
    const isOurs = owner && owner.kind === ownerKind.kind && owner.apiVersion === ownerKind.apiVersion;
    return isOurs ? owner.uid : undefined;
  };
  const candidates = candidatesIn(informer);
  informer.onChange((pod, old) => {
    const owner = ownerOf((pod ?? old)!);
    if (owner) {
      if (pod && !old) expectations.creationObserved(owner);
      if (!pod || pod.metadata.deletionTimestamp) expectations.deletionObserved(owner, keyOf((pod ?? old)!));
    } else if (pod && !controllerOf(pod)) {
      for (const owner of owners.inNamespace(pod.metadata.namespace ?? '')) {
        if (matchesLabelSelector(selectorOf(owner), pod.metadata.labels)) enqueue(keyOf(owner));
      }
    }
  });
  return {
    pods: informer.lister,
    expectations,
    isSettled: (owner) => {
      const leftMs = expectations.leftMs(owner.metadata.uid ?? '');
      if (leftMs > 0) enqueue(keyOf(owner), leftMs);
      return leftMs === 0;
    },
    candidates,
  };
}

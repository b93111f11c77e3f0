// Writing the pods and claims of a stateful set, with its events. Upstream: stateful_pod_control.go of
// pkg/controller/statefulset.
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { type EventRecorder, targetOf } from '../../client/events.ts';
import type { ResourceClient } from '../../client/rest.ts';
import type { Lister } from '../../client/store.ts';
import { isAlreadyExists, isNotFound, messageOf, unlessThere } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { claimOwners, claimsOf, identityLabels, isStaleClaim, ordinalOf, podName } from './identity.ts';

export class StatefulPods {
  readonly #pods: ResourceClient<Pod>;
  readonly #claims: ResourceClient<PersistentVolumeClaim>;
  readonly #claimLister: Lister<PersistentVolumeClaim>;
  readonly #recorder: EventRecorder;

  constructor(context: ControllerContext, component: string) {
    this.#pods = context.resource(PodKind);
    this.#claims = context.resource(PersistentVolumeClaimKind);
    this.#claimLister = context.informer(PersistentVolumeClaimKind).lister;
    this.#recorder = context.recorder(component);
  }

  /** Does it, and tells of it: `Create Pod w-0 in StatefulSet w`. */
  async #tell<R>(set: KubeObject, verb: string, words: [of: string, done: string], work: () => Promise<R>): Promise<R> {
    const target = targetOf(StatefulSetKind, set);
    const [of, done] = words;
    const text = (link: string) => `${verb} ${of.replace(' for ', link)} in StatefulSet ${set.metadata.name}`;
    try {
      const result = await work();
      this.#recorder.event(target, 'Normal', `Successful${verb}`, `${text(' ')} ${done}`);
      return result;
    } catch (err) {
      if (!isNamespaceTerminating(err) && !isAlreadyExists(err) && !isNotFound(err)) {
        this.#recorder.event(target, 'Warning', `Failed${verb}`, `${text(' for ')} failed error: ${messageOf(err)}`);
      }
      throw err;
    }
  }

  /** Creates a pod after its claims. False when it is there already, or its claims are still those of one before it. */
  async create(set: StatefulSet, pod: Pod): Promise<boolean> {
    const ordinal = ordinalOf(set, pod)!;
    let going: string | undefined;
    for (const claim of claimsOf(set, ordinal).values()) {
      const present = this.#claimLister.get(keyOf(claim));
      if (present && isStaleClaim(present, podName(set, ordinal), undefined)) return false;
      if (present?.metadata.deletionTimestamp) going ??= claim.metadata.name ?? '';
    }
    await this.ensureClaims(set, pod);
    const creation = this.#tell(set, 'Create', [`Pod ${pod.metadata.name}`, 'successful'], () => {
      // The pod would hold up its end, and its data are gone with it.
      if (going !== undefined) throw new Error(`pvc ${going} is being deleted`);
      return this.#pods.create(pod);
    });
    return (await unlessThere(creation)) !== undefined;
  }

  /** Deletes a pod. False when it was gone already, which is as good. */
  async delete(set: KubeObject, pod: Pod): Promise<boolean> {
    const { name, uid } = pod.metadata;
    try {
      await this.#tell(set, 'Delete', [`Pod ${name}`, 'successful'], () =>
        this.#pods.delete(pod.metadata, uid ? { uid } : {}),
      );
      return true;
    } catch (err) {
      if (isNotFound(err)) return false;
      throw err;
    }
  }

  /** Gives back the labels of its number to a pod. */
  async relabel(set: StatefulSet, pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    const patch = { metadata: { uid, labels: identityLabels(set, ordinalOf(set, pod)!) } };
    await this.#tell(set, 'Update', [`Pod ${name}`, 'successful'], () =>
      this.#pods.patch(pod.metadata, patch, { type: 'strategic' }),
    );
  }

  /** Creates claims that are missing. */
  async ensureClaims(set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod)!;
    for (const claim of claimsOf(set, ordinal).values()) {
      if (this.#claimLister.get(keyOf(claim))) continue;
      const ownerReferences = claimOwners(set, { ordinal });
      const owned = {
        ...claim,
        metadata: { ...claim.metadata, ...(ownerReferences.length > 0 && { ownerReferences }) },
      };
      const words: [string, string] = [`Claim ${claim.metadata.name} for Pod ${pod.metadata.name}`, 'success'];
      // A claim of this name is used, whoever made it.
      await unlessThere(this.#tell(set, 'Create', words, () => this.#claims.create(owned)));
    }
  }

  /** Lets the claims of a pod belong to whose end they are to go with. */
  async ownClaims(set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod)!;
    for (const { metadata } of claimsOf(set, ordinal).values()) {
      const claim = this.#claimLister.get(`${metadata.namespace}/${metadata.name}`);
      if (!claim || claim.metadata.deletionTimestamp) continue;
      const present = claim.metadata.ownerReferences ?? [];
      const ownerReferences = claimOwners(set, { ordinal, pod, present });
      if (jsonEqual(present, ownerReferences)) continue;
      await this.#claims.update({ ...claim, metadata: { ...claim.metadata, ownerReferences } });
    }
  }
}

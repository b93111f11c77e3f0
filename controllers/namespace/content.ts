// What is in a namespace, and emptying it kind by kind. Upstream: pkg/controller/namespace/deletion.
import { PodKind } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { messageOf, unlessGone } from '../../machinery/errors.ts';
import type { Kind, Verb } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

/** Kinds whose objects a namespace can hold, besides pods. */
export const contentKinds = (kinds: readonly Kind[]): Kind[] =>
  kinds.filter(
    (kind) =>
      kind !== PodKind &&
      kind.namespaced &&
      kind.stored &&
      ['list', 'delete'].every((v) => kind.verbs.includes(v as Verb)),
  );

export interface Remaining {
  /** `pods.` or `deployments.apps`, with how many are left. */
  resources: Map<string, number>;
  /** Finalizers that hold them, with how many objects each. */
  finalizers: Map<string, number>;
  errors: string[];
  /** Pods are still there; nothing else has been touched. */
  hasPods: boolean;
  /** Seconds that pods still have to end by themselves. */
  graceSeconds: number;
}

const resourceOf = (kind: Kind) => `${kind.plural}.${kind.group}`;

/**
 * Asks for the deletion of everything in the namespace and says what is left. Pods go first, and
 * until the last is gone the rest stays: a pod may need its ConfigMaps, policies and tokens to the
 * end.
 */
export async function deleteContent(context: ControllerContext, namespace: string): Promise<Remaining> {
  const empty = { hasPods: false, graceSeconds: 0 };
  const remaining: Remaining = { resources: new Map(), finalizers: new Map(), errors: [], ...empty };
  const attempt = async (kind: Kind): Promise<KubeObject[]> => {
    try {
      // A kind that is served no more has nothing here.
      return (await unlessGone(deleteAll(context, kind, namespace))) ?? [];
    } catch (err) {
      remaining.errors.push(`${resourceOf(kind)}: ${messageOf(err)}`);
      return [];
    }
  };
  const pods = await attempt(PodKind);
  if (pods.length > 0 || remaining.errors.length > 0) {
    const graceSeconds = Math.max(0, ...pods.map((pod) => pod.metadata.deletionGracePeriodSeconds ?? 0));
    return { ...remaining, hasPods: true, graceSeconds };
  }
  for (const kind of contentKinds(context.kinds.current)) count(remaining, kind, await attempt(kind));
  return remaining;
}

/**
 * Deletes the objects of one kind; returns those that stay for now. Throws the first failure once
 * each has been tried.
 */
async function deleteAll(context: ControllerContext, kind: Kind, namespace: string): Promise<KubeObject[]> {
  const client = context.resource(kind);
  const { items } = await client.list({ namespace });
  const waiting = items.filter((object) => !object.metadata.deletionTimestamp);
  const failures: unknown[] = [];
  for (const { metadata } of waiting) {
    const { uid } = metadata;
    const deletion = client.delete(metadata, { propagationPolicy: 'Background', ...(uid ? { uid } : {}) });
    await unlessGone(deletion).catch((err) => failures.push(err));
  }
  if (failures.length > 0) throw failures[0];
  return items.length === 0 ? [] : (await client.list({ namespace })).items;
}

function count(remaining: Remaining, kind: Kind, objects: readonly KubeObject[]): void {
  if (objects.length === 0) return;
  remaining.resources.set(resourceOf(kind), objects.length);
  for (const { metadata } of objects) {
    for (const finalizer of metadata.finalizers ?? []) {
      remaining.finalizers.set(finalizer, (remaining.finalizers.get(finalizer) ?? 0) + 1);
    }
  }
}

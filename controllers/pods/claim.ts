// Which of the objects around it are a controller's own: those that name it as their controller and
// match its selector. Matching orphans are adopted, own ones that no longer match are released.
// Upstream: ControllerRefManager in pkg/controller.

import type { Informer } from '../../client/informer.ts';
import type { ResourceClient } from '../../client/rest.ts';
import { isInvalid, isNotFound } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import { controllerOf, type KubeObject, type LabelSelector, type OwnerReference } from '../../machinery/metadata.ts';

export interface ClaimPlan<T> {
  owned: T[];
  adopt: T[];
  release: T[];
}

/** Sorts the candidates of the owner's namespace. An owner that is being deleted changes nothing. Pure. */
export function planClaim<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector | undefined,
  candidates: readonly T[],
): ClaimPlan<T> {
  const plan: ClaimPlan<T> = { owned: [], adopt: [], release: [] };
  const isDeleting = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = matchesLabelSelector(selector, object.metadata.labels);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches) plan.owned.push(object);
      else if (!isDeleting) plan.release.push(object);
    } else if (matches && !isDeleting && !object.metadata.deletionTimestamp) {
      plan.adopt.push(object);
    }
  }
  return plan;
}

/** The index by the uid of the controller. */
export const byController = 'controller';
const orphansOf = (namespace: string | undefined) => `orphan ${namespace}`;

export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(byController, (o) => [controllerOf(o)?.uid ?? orphansOf(o.metadata.namespace)]);
}

/** Indexes objects by who controls them; answers with those of an owner's namespace that it controls or could adopt. */
export function candidatesIn<T extends KubeObject>(informer: Informer<T>): (owner: KubeObject) => T[] {
  indexByController(informer);
  return ({ metadata: { uid = '', namespace } }) =>
    [uid, orphansOf(namespace)].flatMap((key) => informer.lister.byIndex(byController, key));
}

/** The reference by which a controller owns its children. */
export function controllerRef(kind: Kind, owner: KubeObject): OwnerReference {
  const { name = '', uid = '' } = owner.metadata;
  return { apiVersion: kind.apiVersion, kind: kind.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export interface ClaimOptions<T extends KubeObject> {
  ownerKind: Kind;
  owner: KubeObject;
  selector: LabelSelector | undefined;
  candidates: readonly T[];
  children: ResourceClient<T>;
  /** Reads the owner from the server: adoption must not act on an old cache. */
  owners: Pick<ResourceClient<KubeObject>, 'get'>;
  /** A finalizer that goes together with the reference. */
  finalizer?: string;
}

/** Adopts and releases as planned; returns what is the owner's own now. */
export async function claim<T extends KubeObject>(options: ClaimOptions<T>): Promise<T[]> {
  const { owner, children, finalizer } = options;
  const plan = planClaim(owner, options.selector, options.candidates);
  if (plan.adopt.length > 0) await checkOwnerLives(options);
  const reference = controllerRef(options.ownerKind, owner);
  const adopted = await Promise.all(
    plan.adopt.map((child) => {
      const finalizers = finalizer ? { finalizers: [finalizer] } : {};
      const patch = { metadata: { uid: child.metadata.uid, ownerReferences: [reference], ...finalizers } };
      return patchChild(children, child, patch);
    }),
  );
  await Promise.all(
    plan.release.map((child) => {
      const finalizers = finalizer ? { '$deleteFromPrimitiveList/finalizers': [finalizer] } : {};
      const ownerReferences = [{ $patch: 'delete', uid: owner.metadata.uid }];
      return patchChild(children, child, { metadata: { uid: child.metadata.uid, ownerReferences, ...finalizers } });
    }),
  );
  return [...plan.owned, ...adopted.filter((child) => child !== undefined)];
}

async function checkOwnerLives({ owner, owners }: ClaimOptions<any>): Promise<void> {
  const fresh = await owners.get(owner.metadata);
  const { name, uid } = owner.metadata;
  if (fresh.metadata.uid !== uid) throw new Error(`${name}: its uid is ${fresh.metadata.uid} now, not ${uid}`);
  if (fresh.metadata.deletionTimestamp) throw new Error(`${name} is being deleted and adopts nothing`);
}

/** Undefined when the child is gone, or another one of its name is there (its uid may not change). */
async function patchChild<T extends KubeObject>(
  children: ResourceClient<T>,
  child: T,
  patch: object,
): Promise<T | undefined> {
  try {
    return await children.patch(child.metadata, patch, { type: 'strategic' });
  } catch (err) {
    if (isNotFound(err) || isInvalid(err)) return undefined;
    throw err;
  }
}

// Deletes objects whose owners are gone, and carries out foreground and orphan deletions.
// Level-triggered: a key names one object, and whatever changes about it, its owners or its
// dependents puts it on the queue. Upstream: pkg/controller/garbagecollector.
import { LRUCache } from 'lru-cache';
import { type ControllerContext, type Loop, queueOf, workOff } from '../../client/controller.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { WorkQueue } from '../../client/workqueue.ts';
import { isConflict, unlessGone } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { type KubeObject, keyOf, type OwnerReference } from '../../machinery/metadata.ts';
import {
  blocks,
  decide,
  foregroundFinalizer,
  isForegroundDeleting,
  isOrphaning,
  type OwnerState,
  orphanFinalizer,
} from './decide.ts';
import { type GraphChange, type GraphNode, OwnerGraph } from './graph.ts';

const name = 'garbage-collector-controller';
const maxAbsent = 500;

const queueKey = ({ kind, object }: GraphNode) => `${kind.group}|${kind.plural}|${keyOf(object)}`;

class GarbageCollector {
  readonly #context: ControllerContext;
  readonly #queue: WorkQueue;
  readonly #graph: OwnerGraph;
  readonly #events: EventRecorder;
  /** Uids, each with the namespace that it was looked for in: what is gone stays gone. Upstream: absentOwnerCache. */
  readonly #absent = new LRUCache<string, true>({ max: maxAbsent });

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#queue = queueOf(context, name);
    this.#events = context.recorder(name);
    this.#graph = new OwnerGraph(context, (node, change) => this.#notice(node, change));
  }

  run(): Promise<void> {
    const { kinds, log } = this.#context;
    const context = { ...this.#context, log: log.child({ controller: name }) };
    return workOff(
      this.#queue,
      context,
      kinds.synced().then(() => this.#graph.synced()),
      { concurrency: 5, failed: 'collection failed', work: (key) => this.#process(key) },
    );
  }

  #notice(node: GraphNode, { isGone, ownersBefore }: GraphChange): void {
    const { metadata } = node.object;
    const owners = metadata.ownerReferences ?? [];
    const isDeleting = metadata.deletionTimestamp !== undefined;
    if (!isGone && (owners.length > 0 || isDeleting)) this.#queue.add(queueKey(node));
    if (isGone || isForegroundDeleting(node.object)) {
      for (const dependent of this.#graph.dependentsOf(metadata.uid ?? '')) this.#queue.add(queueKey(dependent));
    }
    // An owner that waits for its dependents hears of each that went or let it go on.
    const concerned = isGone || isDeleting ? [...owners, ...ownersBefore] : ownersBefore;
    for (const owner of concerned) {
      const isSame = !isGone && !isDeleting && owners.some((o) => jsonEqual(o, owner));
      if (!isSame) this.#addOwner(owner, metadata.namespace);
    }
  }

  #addOwner(reference: OwnerReference, namespace: string | undefined): void {
    const kind = this.#graph.kindOf(reference);
    const owner = kind && this.#graph.get(kind, ownerKey(kind, reference, namespace));
    if (kind && owner) this.#queue.add(queueKey({ kind, object: owner }));
  }

  async #process(key: string): Promise<undefined> {
    const [group = '', plural = '', objectKey = ''] = key.split('|');
    const kind = this.#graph.find(group, plural);
    const object = kind && this.#graph.get(kind, objectKey);
    if (!object) return;
    // A kind that has just come may have dependents of it.
    await this.#graph.synced();
    const node = { kind, object };
    if (isOrphaning(object)) await this.#orphan(node);
    else if (isForegroundDeleting(object)) await this.#deleteDependents(node);
    await this.#collect(node);
  }

  /** Takes the owner's reference off its dependents, then lets it go. */
  async #orphan(node: GraphNode): Promise<void> {
    const { uid = '' } = node.object.metadata;
    // A refusal ends the pass: a dependent that kept its reference would be collected once the owner is gone.
    await Promise.all(this.#graph.dependentsOf(uid).map((dependent) => this.#dropOwners(dependent, [uid])));
    await this.#removeFinalizer(node, orphanFinalizer);
  }

  /** Waits until no dependent is in the way, then lets the owner go. */
  async #deleteDependents(node: GraphNode): Promise<void> {
    const { uid = '' } = node.object.metadata;
    const blocking = this.#graph
      .dependentsOf(uid)
      .filter(({ kind, object }) => blocks(object, uid) && (kind.namespaced || !node.kind.namespaced))
      .filter(({ object }) => !waitsFor(object, node.object));
    if (blocking.length === 0) await this.#removeFinalizer(node, foregroundFinalizer);
    // One that waits for its own dependents says when it goes.
    for (const dependent of blocking) if (!isForegroundDeleting(dependent.object)) this.#queue.add(queueKey(dependent));
  }

  async #collect(node: GraphNode): Promise<void> {
    const { kind, object } = node;
    const { namespace, uid = '', ownerReferences = [] } = object.metadata;
    if (ownerReferences.length === 0) return;
    // It goes by itself, whoever owns it.
    if (object.metadata.deletionTimestamp && !isForegroundDeleting(object)) return;
    const owners = await Promise.all(
      ownerReferences.map(async (reference) => ({ reference, state: await this.#stateOf(reference, namespace) })),
    );
    for (const { reference, state } of owners) if (state === 'absent') this.#tellForeignOwner(node, reference);
    const dependents = this.#graph.dependentsOf(uid);
    const decision = decide(object, owners, { hasDependents: dependents.length > 0 });
    if (decision.action === 'drop-owners') await ignoreConflict(this.#dropOwners(node, decision.uids));
    else if (
      decision.action === 'delete' &&
      isBlocking(object) &&
      dependents.some((d) => isForegroundDeleting(d.object))
    ) {
      // Perhaps a circle of owners, which would wait for each other: this one is in nobody's way from now on.
      await ignoreConflict(this.#unblockOwners(node));
    } else if (decision.action === 'delete') {
      // The version keeps a change that we have not seen (a new owner, say) from being overrun.
      const options = { propagationPolicy: decision.propagationPolicy, uid };
      const resourceVersion = object.metadata.resourceVersion ?? '';
      const deletion = this.#context.resource(kind).delete(object.metadata, { ...options, resourceVersion });
      await ignoreConflict(unlessGone(deletion));
    }
  }

  /** What is known of an owner; one that the cache does not have is asked for, since caches run behind. */
  async #stateOf(reference: OwnerReference, namespace: string | undefined): Promise<OwnerState> {
    const kind = this.#graph.kindOf(reference);
    // Not ours to judge: an unknown kind, or an owner that would be in some namespace, named from outside of all.
    if (!kind || (kind.namespaced && !namespace)) return 'present';
    const cached = this.#graph.get(kind, ownerKey(kind, reference, namespace));
    if (cached?.metadata.uid === reference.uid) return isForegroundDeleting(cached) ? 'waiting' : 'present';
    const absentKey = `${reference.uid} ${kind.namespaced ? namespace : ''}`;
    if (this.#absent.has(absentKey)) return 'absent';
    const target = kind.namespaced ? { namespace: namespace ?? '', name: reference.name } : { name: reference.name };
    const owner = await unlessGone(this.#context.resource<KubeObject>(kind).get(target));
    if (owner?.metadata.uid !== reference.uid) {
      this.#absent.set(absentKey, true);
      return 'absent';
    }
    return isForegroundDeleting(owner) ? 'waiting' : 'present';
  }

  /** An owner that lives in another namespace counts as absent; who wrote the reference should know. */
  #tellForeignOwner({ kind, object }: GraphNode, reference: OwnerReference): void {
    const ownerKind = this.#graph.kindOf(reference);
    if (!ownerKind?.namespaced || !this.#graph.has(ownerKind, reference.uid)) return;
    const { namespace = '' } = object.metadata;
    const { apiVersion, kind: owner, name: ownerName, uid } = reference;
    const identity = `[${apiVersion}/${owner}, namespace: ${namespace}, name: ${ownerName}, uid: ${uid}]`;
    const message = `ownerRef ${identity} does not exist in namespace ${JSON.stringify(namespace)}`;
    const target = { kind: kind.kind, apiVersion: kind.apiVersion, object };
    this.#events.event(target, 'Warning', 'OwnerRefInvalidNamespace', message);
  }

  async #dropOwners(node: GraphNode, uids: readonly string[]): Promise<void> {
    const kept = (node.object.metadata.ownerReferences ?? []).filter((owner) => !uids.includes(owner.uid));
    await this.#patch(node, { ownerReferences: kept.length > 0 ? kept : null });
  }

  async #unblockOwners(node: GraphNode): Promise<void> {
    const owners = node.object.metadata.ownerReferences ?? [];
    await this.#patch(node, { ownerReferences: owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })) });
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const kept = (node.object.metadata.finalizers ?? []).filter((f) => f !== finalizer);
    await ignoreConflict(this.#patch(node, { finalizers: kept.length > 0 ? kept : null }));
  }

  /** Of the object as it was seen. */
  async #patch({ kind, object }: GraphNode, change: object): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    const patch = { metadata: { uid, resourceVersion, ...change } };
    await unlessGone(this.#context.resource(kind).patch(object.metadata, patch, { type: 'merge' }));
  }
}

function ownerKey(kind: Kind, reference: OwnerReference, namespace: string | undefined): string {
  return kind.namespaced && namespace ? `${namespace}/${reference.name}` : reference.name;
}

/**
 * Whether a dependent cannot go before its owner does, of which it is an owner as well: one of both
 * has to be the first.
 */
const waitsFor = (dependent: KubeObject, owner: KubeObject) =>
  isForegroundDeleting(dependent) && blocks(owner, dependent.metadata.uid ?? '');

const isBlocking = ({ metadata }: KubeObject) =>
  (metadata.ownerReferences ?? []).some((owner) => owner.blockOwnerDeletion === true);

/** Changed meanwhile means that the change will bring the object back here. */
async function ignoreConflict(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (err) {
    if (!isConflict(err)) throw err;
  }
}

export const garbageCollector: Loop = { name, run: (context) => new GarbageCollector(context).run() };

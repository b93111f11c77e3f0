// A controller is one value: what it watches, what it needs, and how it reconciles one object.
// Handlers only put keys on its queue; workers take them off, read the caches and act. Upstream:
// the shape that every loop of kube-controller-manager repeats.
import { once } from 'node:events';
import type { Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import type { Kind } from '../machinery/kind.ts';
import type { Logger } from '../machinery/log.ts';
import { controllerOf, type KubeObject, keyOf } from '../machinery/metadata.ts';
import type { Random } from '../machinery/random.ts';
import type { EventRecorder } from './events.ts';
import type { Informer, InformerOptions } from './informer.ts';
import type { KubeClient, ResourceClient } from './rest.ts';
import type { ServedKinds } from './served-kinds.ts';
import { WorkQueue } from './workqueue.ts';
import type { WorkQueueMetrics } from './workqueue-metrics.ts';

/** What a controller is given to build its dependencies from. */
export interface ControllerContext {
  client: KubeClient;
  informer<T extends KubeObject>(kind: Kind<T>, options?: InformerOptions): Informer<T>;
  resource<T extends KubeObject>(kind: Kind<T>): ResourceClient<T>;
  /** Ends the informers of a kind that is served no longer. */
  dropInformers(kind: Kind): void;
  /** Every kind there is, custom ones included. */
  kinds: ServedKinds;
  recorder(component: string): EventRecorder;
  clock: Clock;
  random: Random;
  log: Logger;
  signal: AbortSignal;
  /** Keys to work on at the same time, in place of what a controller says. */
  concurrency?: number;
  metrics?: WorkQueueMetrics;
  /** For what a controller tells of its own work. */
  registry?: Registry;
}

/** The queue of a controller, which counts under its name and closes with the context. */
export function queueOf({ clock, metrics, signal }: ControllerContext, name: string): WorkQueue {
  const queue = new WorkQueue({ clock, ...(metrics ? { metrics: (state) => metrics.of(name, state) } : {}) });
  signal.addEventListener('abort', () => queue.close());
  return queue;
}

export interface ReconcileResult {
  /** Look at the key again after so long. */
  requeueAfterMs?: number;
}

/** A further kind whose changes concern the primary one. */
export interface Related<D> {
  kind: Kind<any>;
  options?: InformerOptions;
  /** Keys of primary objects to look at after a change. Either object may be absent, as in ChangeHandler. */
  keys(object: any, old: any, deps: D): Iterable<string>;
}

export interface Controller<T extends KubeObject, D> {
  /** A permanent name: logs, events and metrics carry it. */
  name: string;
  /** The kind whose objects it reconciles. */
  kind: Kind<T>;
  options?: InformerOptions;
  /** Kinds of children: a change of one puts its owner on the queue. */
  owns?: readonly Kind<any>[];
  related?: readonly Related<D>[];
  /** Keys worked on at the same time. */
  concurrency?: number;
  /** Its dependencies, as functions and listers. `enqueue` adds a key from outside the usual events. */
  deps(context: ControllerContext, enqueue: (key: string, afterMs?: number) => void): D;
  /** Brings the world closer to what the object says. Throw to be called again later. */
  reconcile(object: T, deps: D): Promise<ReconcileResult | undefined>;
  /** The object is gone from the cache. */
  forget?(key: string, deps: D): void | Promise<void>;
}

/** Fixes the types of a controller. */
export function defineController<T extends KubeObject, D>(controller: Controller<T, D>): Controller<T, D> {
  return controller;
}

/** A part of a component that runs until the context's signal is aborted: a controller, or a loop of another shape. */
export interface Loop {
  name: string;
  run(context: ControllerContext): Promise<void>;
}

/** A controller as a loop. */
export function toLoop<T extends KubeObject, D>(controller: Controller<T, D>): Loop {
  return { name: controller.name, run: (context) => runController(controller, context) };
}

/** Starts a controller; it runs until the context's signal is aborted. */
export async function runController<T extends KubeObject, D>(
  controller: Controller<T, D>,
  context: ControllerContext,
): Promise<void> {
  const { kind } = controller;
  const log = context.log.child({ controller: controller.name });
  const queue = queueOf(context, controller.name);
  // Whatever it looks at is waited for, also what its dependencies ask for.
  const seen = new Set<Informer<any>>();
  const take: ControllerContext['informer'] = (of, options) => {
    const informer = context.informer(of, options);
    seen.add(informer);
    return informer;
  };
  const informer = take(kind, controller.options);
  const deps = controller.deps({ ...context, log, informer: take }, (key, afterMs) =>
    queue.addAfter(key, afterMs ?? 0),
  );
  informer.onChange((object, old) => queue.add(keyOf((object ?? old)!)));
  for (const owned of controller.owns ?? []) {
    take(owned).onChange((object, old) => {
      for (const owner of ownersOf(kind, object, old)) queue.add(owner);
    });
  }
  for (const related of controller.related ?? []) {
    take(related.kind, related.options).onChange((object, old) => {
      for (const key of related.keys(object, old, deps)) queue.add(key);
    });
  }
  await workOff(queue, { ...context, log }, Promise.all([...seen].map((one) => one.synced())), {
    concurrency: controller.concurrency ?? 2,
    failed: 'reconcile failed',
    async work(key) {
      const object = informer.lister.get(key);
      if (object) return controller.reconcile(object, deps);
      await controller.forget?.(key, deps);
    },
  });
}

/** Keys of the controllers of `kind` that own the object, before or after its change. */
export function ownersOf(kind: Kind, ...objects: (KubeObject | undefined)[]): Set<string> {
  const keys = new Set<string>();
  for (const object of objects) {
    const owner = object && controllerOf(object);
    if (!owner || owner.kind !== kind.kind || owner.apiVersion !== kind.apiVersion) continue;
    keys.add(kind.namespaced ? `${object.metadata.namespace}/${owner.name}` : owner.name);
  }
  return keys;
}

interface Work {
  /** Keys at the same time, unless the context says how many. */
  concurrency: number;
  /** What the log says of a key that failed; it comes again, later each time. */
  failed: string;
  work(key: string): Promise<ReconcileResult | undefined>;
}

/** Works on the keys of a queue, once the caches are filled, until the context's signal is aborted. */
export async function workOff(
  queue: WorkQueue,
  { signal, log, concurrency }: ControllerContext,
  synced: Promise<unknown>,
  { work, failed, ...own }: Work,
): Promise<void> {
  await Promise.race([synced, once(signal, 'abort')]);
  // Half-filled caches would tell of children that are missing and owners that are gone.
  if (signal.aborted) return;
  const worker = async () => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        const result = await work(key);
        queue.forget(key);
        if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
      } catch (err) {
        // Conflicts and the like are everyday; what stays wrong shows by its growing count.
        const failures = queue.failuresOf(key);
        log[failures > 3 ? 'warn' : 'debug']({ err, key, failures }, failed);
        queue.retry(key);
      } finally {
        queue.done(key);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency ?? own.concurrency }, worker));
}

// A controller is one value: what it watches, what it needs, and how it reconciles one object.
// Handlers only put keys on its queue; workers take them off, read the caches and act. Upstream:
// the shape that every loop of kube-controller-manager repeats.
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

/** The queue of a controller, which counts under its name. */
export function queueOf({ clock, metrics }: ControllerContext, name: string): WorkQueue {
  return new WorkQueue({ clock, ...(metrics ? { metrics: (state) => metrics.of(name, state) } : {}) });
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
  const aborted = new Promise<void>((resolve) => {
    context.signal.addEventListener('abort', () => {
      queue.close();
      resolve();
    });
  });
  await Promise.race([Promise.all([...seen].map((one) => one.synced())), aborted]);
  // Half-filled caches would tell of children that are missing and owners that are gone.
  if (context.signal.aborted) return;
  const workers = Array.from({ length: context.concurrency ?? controller.concurrency ?? 2 }, () =>
    work(controller, deps, { queue, informer, log }),
  );
  await Promise.all(workers);
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

interface Work<T extends KubeObject> {
  queue: WorkQueue;
  informer: Informer<T>;
  log: Logger;
}

async function work<T extends KubeObject, D>(controller: Controller<T, D>, deps: D, { queue, informer, log }: Work<T>) {
  for (;;) {
    const key = await queue.take();
    if (key === undefined) return;
    try {
      const object = informer.lister.get(key);
      const result = object ? await controller.reconcile(object, deps) : undefined;
      if (!object) await controller.forget?.(key, deps);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (err) {
      // Conflicts and the like are everyday; what stays wrong shows by its growing count.
      log[queue.failuresOf(key) > 3 ? 'warn' : 'debug'](
        { err, key, failures: queue.failuresOf(key) },
        'reconcile failed',
      );
      queue.retry(key);
    } finally {
      queue.done(key);
    }
  }
}

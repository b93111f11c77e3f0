// Writes that their writer sees before it plans again. A cache runs behind: whoever plans from one that does not show
// what he has just written does it twice. Upstream: the consistency store of kube-controller-manager's workload controllers.
import type { Clock } from '../machinery/clock.ts';
import { isConflict, unlessGone } from '../machinery/errors.ts';
import { controllerOf, type KubeObject } from '../machinery/metadata.ts';
import type { Informer } from './informer.ts';
import type { ObjectName, ResourceClient } from './rest.ts';
import { TransportError } from './transport.ts';

const firstRetryMs = 50;
const maxRetryMs = 5_000;

interface Patience {
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Calls until there is an answer: one that is lost says nothing of what was done. `call` must do no harm when it comes
 * again, which it is told. Rejects with the signal's reason.
 */
export async function untilAnswered<R>(
  { clock, signal }: Patience,
  call: (isAgain: boolean) => Promise<R>,
): Promise<R> {
  for (let delayMs = firstRetryMs, isAgain = false; ; delayMs = Math.min(maxRetryMs, delayMs * 2), isAgain = true) {
    try {
      return await call(isAgain);
    } catch (err) {
      if (!(err instanceof TransportError)) throw err;
    }
    await clock.sleep(delayMs, signal);
  }
}

/** Verbs on children of one kind, by whose controllers it is remembered what is still to be seen. */
export class OwnWrites<T extends KubeObject> {
  readonly #client: ResourceClient<T>;
  readonly #informer: Pick<Informer<T>, 'hasSeen'>;
  readonly #patience: Patience;
  /** The last version written or read for a controller, by its uid. */
  readonly #awaited = new Map<string, string>();

  constructor(client: ResourceClient<T>, informer: Pick<Informer<T>, 'hasSeen'>, patience: Patience) {
    this.#client = client;
    this.#informer = informer;
    this.#patience = patience;
  }

  /** Whether the cache has come to everything that was written for the controller. */
  areSeen(owner: string): boolean {
    const version = this.#awaited.get(owner);
    if (version === undefined) return true;
    if (!this.#informer.hasSeen(version)) return false;
    this.#awaited.delete(owner);
    return true;
  }

  #await(object: T): T {
    const owner = controllerOf(object)?.uid;
    const { resourceVersion } = object.metadata;
    if (owner && resourceVersion) this.#awaited.set(owner, resourceVersion);
    return object;
  }

  async get(target: ObjectName): Promise<T> {
    return this.#await(await untilAnswered(this.#patience, () => this.#client.get(target)));
  }

  /** The name tells one that was made, and not answered, from one that is yet to be made. */
  async create(object: T): Promise<T> {
    return this.#await(await untilAnswered(this.#patience, () => this.#client.create(object)));
  }

  /** Where the cache is behind, it is waited for. */
  async update(object: T): Promise<T> {
    try {
      return this.#await(await untilAnswered(this.#patience, () => this.#client.update(object)));
    } catch (err) {
      if (isConflict(err)) await unlessGone(this.get(object.metadata));
      throw err;
    }
  }

  delete: ResourceClient<T>['delete'] = (target, options) =>
    untilAnswered(this.#patience, () => this.#client.delete(target, options));
}

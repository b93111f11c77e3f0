// One informer a kind and selection for the whole component, however many ask for it.
import type { Kind } from '../machinery/kind.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { type Informer, type InformerDeps, type InformerOptions, WatchingInformer } from './informer.ts';
import type { KubeClient } from './rest.ts';

export class InformerFactory {
  readonly #client: KubeClient;
  readonly #deps: InformerDeps;
  readonly #signal: AbortSignal;
  readonly #informers = new Map<string, WatchingInformer<any>>();

  constructor(client: KubeClient, deps: InformerDeps, signal: AbortSignal) {
    this.#client = client;
    this.#deps = deps;
    this.#signal = signal;
  }

  /** The informer of a kind; starts it on first use. */
  informer<T extends KubeObject>(kind: Kind<T>, options: InformerOptions = {}): Informer<T> {
    const key = JSON.stringify([kind.group, kind.plural, options]);
    let informer = this.#informers.get(key);
    if (!informer) {
      const log = this.#deps.log.child({ informer: kind.plural });
      informer = new WatchingInformer<T>(this.#client.resource(kind), options, { ...this.#deps, log });
      this.#informers.set(key, informer);
      void informer.run(this.#signal);
    }
    return informer;
  }

  /** Resolves when every informer asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((i) => i.synced()));
  }
}

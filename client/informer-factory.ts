// One informer a kind and selection for the whole component, however many ask for it.
import type { Kind } from '../machinery/kind.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { type Informer, type InformerDeps, type InformerOptions, WatchingInformer } from './informer.ts';
import type { KubeClient } from './rest.ts';

export class InformerFactory {
  readonly #client: KubeClient;
  readonly #deps: InformerDeps;
  readonly #signal: AbortSignal;
  readonly #informers = new Map<string, { kind: Kind; informer: WatchingInformer<any>; end: AbortController }>();

  constructor(client: KubeClient, deps: InformerDeps, signal: AbortSignal) {
    this.#client = client;
    this.#deps = deps;
    this.#signal = signal;
  }

  /** The informer of a kind; starts it on first use. */
  informer<T extends KubeObject>(kind: Kind<T>, options: InformerOptions = {}): Informer<T> {
    const key = JSON.stringify([kind.group, kind.plural, options]);
    const known = this.#informers.get(key);
    if (known) return known.informer;
    const log = this.#deps.log.child({ informer: kind.plural });
    const informer = new WatchingInformer<T>(this.#client.resource(kind), options, { ...this.#deps, log });
    const end = new AbortController();
    this.#informers.set(key, { kind, informer, end });
    void informer.run(AbortSignal.any([this.#signal, end.signal]));
    return informer;
  }

  /** Ends the informers of a kind. */
  drop({ group, plural }: Kind): void {
    for (const [key, { kind, end }] of this.#informers) {
      if (kind.group !== group || kind.plural !== plural) continue;
      end.abort();
      this.#informers.delete(key);
    }
  }

  /** Resolves when every informer asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map(({ informer }) => informer.synced()));
  }
}

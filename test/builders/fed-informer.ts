// An informer that a test feeds by hand, in place of one that watches an API server.
import type { ChangeHandler, Informer } from '../../client/informer.ts';
import { ObjectCache } from '../../client/store.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';

export class FedInformer<T extends KubeObject> implements Informer<T> {
  readonly lister = new ObjectCache<T>();
  readonly #handlers: ChangeHandler<T>[] = [];

  addIndex(name: string, values: (object: T) => readonly string[]): void {
    this.lister.addIndex(name, values);
  }

  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
  }

  async synced(): Promise<void> {}

  hasSeen(): boolean {
    return true;
  }

  put(object: T): void {
    const old = this.lister.put(object);
    for (const handler of this.#handlers) handler(object, old);
  }

  remove(object: T): void {
    const old = this.lister.remove(keyOf(object));
    if (old) for (const handler of this.#handlers) handler(undefined, old);
  }
}

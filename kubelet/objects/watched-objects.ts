// The ConfigMaps and Secrets that pods of this node use, each watched by itself as long as a pod
// needs it: the kubelet must not see others. Upstream: pkg/kubelet/util/manager, watch based.

import { type ConfigMap, ConfigMapKind } from '../../api/core/configmap.ts';
import type { Pod } from '../../api/core/pod.ts';
import { type Secret, SecretKind } from '../../api/core/secret.ts';
import { type InformerDeps, WatchingInformer } from '../../client/informer.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

interface Watched {
  informer: WatchingInformer<KubeObject>;
  stop: AbortController;
  /** Uids of the pods that use it. */
  users: Set<string>;
}

const syncTimeoutMs = 10_000;
/** So long what nobody uses any more is kept for a pod that comes after: most that run one after the other use the same. */
const lingerMs = 10_000;

export class WatchedObjects {
  readonly #client: KubeClient;
  readonly #deps: InformerDeps;
  readonly #onChange: (podUid: string) => void;
  readonly #watched = new Map<string, Watched>();

  /** `onChange` is called for every pod that uses an object that has changed. */
  constructor(client: KubeClient, deps: InformerDeps, onChange: (podUid: string) => void) {
    this.#client = client;
    this.#deps = deps;
    this.#onChange = onChange;
  }

  configMap(pod: Pod, name: string): Promise<ConfigMap | undefined> {
    return this.#read(ConfigMapKind, pod, name);
  }

  secret(pod: Pod, name: string): Promise<Secret | undefined> {
    return this.#read(SecretKind, pod, name);
  }

  /** The pod is gone: what only it used is not watched for long any more. */
  release(podUid: string): void {
    for (const [key, watched] of this.#watched) {
      if (!watched.users.delete(podUid) || watched.users.size > 0) continue;
      this.#deps.clock.after(lingerMs, () => {
        if (watched.users.size > 0 || this.#watched.get(key) !== watched) return;
        watched.stop.abort();
        this.#watched.delete(key);
      });
    }
  }

  close(): void {
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
  }

  /**
   * The object as it is now; the first call waits for it to be read, for so long that a pod can
   * still be ended meanwhile.
   */
  async #read<T extends KubeObject>(kind: Kind<T>, { metadata }: Pod, name: string): Promise<T | undefined> {
    const { namespace = '', uid = '' } = metadata;
    const key = `${kind.plural}/${namespace}/${name}`;
    let watched = this.#watched.get(key);
    if (!watched) {
      watched = this.#start(kind, namespace, name);
      this.#watched.set(key, watched);
    }
    watched.users.add(uid);
    await this.#whenSynced(watched, kind);
    return watched.informer.lister.get(`${namespace}/${name}`) as T | undefined;
  }

  async #whenSynced({ informer }: Watched, { kind }: { kind: string }): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = this.#deps.clock.after(syncTimeoutMs, () =>
      reject(new Error(`failed to sync ${kind.toLowerCase()} cache: timed out waiting for the condition`)),
    );
    try {
      await Promise.race([informer.synced(), late]);
    } finally {
      timer.cancel();
    }
  }

  #start<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): Watched {
    const log = this.#deps.log.child({ watching: `${kind.plural}/${namespace}/${name}` });
    const informer = new WatchingInformer(
      this.#client.resource(kind as unknown as Kind<KubeObject>),
      { namespace, fieldSelector: `metadata.name=${name}` },
      { ...this.#deps, log },
    );
    const watched: Watched = { informer, stop: new AbortController(), users: new Set() };
    let isFirst = true;
    informer.onChange(() => {
      if (!isFirst) for (const uid of watched.users) this.#onChange(uid);
    });
    void informer.synced().then(() => {
      isFirst = false;
    });
    void informer.run(watched.stop.signal);
    return watched;
  }
}

// A small operator on @kubernetes/client-node, as people write them: it leads by a Lease, follows a custom resource with
// an informer, holds it by a finalizer, applies what it owns and its status server-side, and tells of it in Events.
import * as k8s from '@kubernetes/client-node';

export interface OperatorPlan {
  group: string;
  version: string;
  plural: string;
  kind: string;
  /** Where its Lease is. */
  namespace: string;
  name: string;
  /** What the resource owns; owner references are put in. */
  ownedBy(object: any): any[];
  /** The status, of the objects that it owns as they are now. */
  statusOf(object: any, owned: any[]): object;
  /** What is done before a resource may go. */
  cleanUp(object: any, client: k8s.KubernetesObjectApi): Promise<void>;
}

const leaseSeconds = 15;
const retryMs = 200;
const apply = k8s.PatchStrategy.ServerSideApply;

export class SmallOperator implements AsyncDisposable {
  readonly #plan: OperatorPlan;
  readonly #identity: string;
  readonly #config: k8s.KubeConfig;
  readonly #objects: k8s.KubernetesObjectApi;
  readonly #informer: k8s.Informer<k8s.KubernetesObject>;
  readonly #work = new Map<string, Promise<void>>();
  readonly #dirty = new Set<string>();
  readonly #seen = new Map<string, any>();
  readonly #told = new Set<string>();
  #stopped = false;
  /** What went wrong and was tried again. */
  readonly problems: string[] = [];

  constructor(config: k8s.KubeConfig, plan: OperatorPlan, identity: string) {
    this.#config = config;
    this.#plan = plan;
    this.#identity = identity;
    this.#objects = k8s.KubernetesObjectApi.makeApiClient(config);
    const { group, version, plural } = plan;
    const list = () =>
      config.makeApiClient(k8s.CustomObjectsApi).listClusterCustomObject({ group, version, plural }) as Promise<any>;
    this.#informer = k8s.makeInformer(config, `/apis/${group}/${version}/${plural}`, list);
    const changed = (object: any) => {
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      this.#seen.set(key, object);
      this.#changed(key);
    };
    this.#informer.on('add', changed);
    this.#informer.on('update', changed);
    this.#informer.on('delete', (object) =>
      this.#seen.delete(`${object.metadata?.namespace}/${object.metadata?.name}`),
    );
    this.#informer.on('error', (err) => {
      this.problems.push(String(err));
      if (!this.#stopped) setTimeout(() => void this.#informer.start(), retryMs).unref();
    });
  }

  /** Waits until it leads, then begins. */
  async start(): Promise<void> {
    while (!this.#stopped && !(await this.lead())) await new Promise((resolve) => setTimeout(resolve, retryMs));
    await this.#informer.start();
  }

  /** Takes the Lease, or renews it; false while somebody else has it. */
  async lead(): Promise<boolean> {
    const api = this.#config.makeApiClient(k8s.CoordinationV1Api);
    const { namespace, name } = this.#plan;
    const now = new k8s.V1MicroTime();
    const spec = { holderIdentity: this.#identity, leaseDurationSeconds: leaseSeconds, renewTime: now };
    try {
      const lease = await api.readNamespacedLease({ namespace, name });
      const { holderIdentity, renewTime } = lease.spec ?? {};
      // The client gives times with microseconds as texts.
      const ageMs = now.getTime() - Date.parse(String(renewTime));
      const isHeld = ageMs < leaseSeconds * 1000;
      if (holderIdentity && holderIdentity !== this.#identity && isHeld) return false;
      const leaseTransitions = (lease.spec?.leaseTransitions ?? 0) + (holderIdentity === this.#identity ? 0 : 1);
      await api.replaceNamespacedLease({ namespace, name, body: { ...lease, spec: { ...spec, leaseTransitions } } });
    } catch (err) {
      const { code } = err as k8s.ApiException<unknown>;
      if (code === 409) return false;
      if (code !== 404) throw err;
      await api.createNamespacedLease({ namespace, body: { metadata: { name }, spec: { ...spec, acquireTime: now } } });
    }
    return true;
  }

  #changed(key: string): void {
    this.#dirty.add(key);
    if (!this.#work.has(key)) this.#work.set(key, this.#follow(key));
  }

  async #follow(key: string): Promise<void> {
    while (this.#dirty.delete(key) && !this.#stopped) {
      const object = this.#seen.get(key);
      try {
        if (object) await this.#reconcile(object);
      } catch (err) {
        const { code } = err as k8s.ApiException<unknown>;
        if (code !== 409 && code !== 404) this.problems.push(String(err));
        await new Promise((resolve) => setTimeout(resolve, retryMs));
        this.#dirty.add(key);
      }
    }
    this.#work.delete(key);
  }

  get #finalizer(): string {
    return `${this.#plan.group}/cleanup`;
  }

  async #reconcile(seen: any): Promise<void> {
    const { cleanUp, ownedBy, statusOf } = this.#plan;
    const object: any = await this.#objects.read(seen);
    const { metadata } = object;
    if (metadata.deletionTimestamp) {
      if (!metadata.finalizers?.includes(this.#finalizer)) return;
      await cleanUp(object, this.#objects);
      await this.#apply({ ...this.#head(object), metadata: this.#nameOf(object) });
      return;
    }
    // The finalizer is applied, and the API server keeps what others put beside it.
    const held = { ...this.#head(object), metadata: { ...this.#nameOf(object), finalizers: [this.#finalizer] } };
    await this.#apply(held);
    const { apiVersion, kind } = object;
    const owner = {
      apiVersion,
      kind,
      name: metadata.name,
      uid: metadata.uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    const owned: any[] = [];
    for (const one of ownedBy(object)) {
      owned.push(await this.#apply({ ...one, metadata: { ...one.metadata, ownerReferences: [owner] } }));
    }
    const status = { ...this.#head(object), metadata: this.#nameOf(object), status: statusOf(object, owned) };
    await this.#applyStatus(status);
    await this.#tell(object, owned.length);
    // What it owns is not watched: it is looked at again until it is as it should be.
    const isReady = (status.status as any).conditions?.every((one: any) => one.status === 'True');
    if (!isReady) {
      await new Promise((resolve) => setTimeout(resolve, retryMs));
      this.#dirty.add(`${metadata.namespace}/${metadata.name}`);
    }
  }

  #head = ({ apiVersion, kind }: any) => ({ apiVersion, kind });
  #nameOf = ({ metadata: { namespace, name } }: any) => ({ namespace, name });

  #apply(object: object): Promise<any> {
    return this.#objects.patch(object as k8s.KubernetesObject, undefined, undefined, this.#plan.name, true, apply);
  }

  async #applyStatus(object: any): Promise<void> {
    const { group, version, plural, name: fieldManager } = this.#plan;
    const { namespace, name } = object.metadata;
    const target = { group, version, plural, namespace, name, body: object, fieldManager, force: true };
    const options = k8s.setHeaderOptions('Content-Type', apply);
    await this.#config.makeApiClient(k8s.CustomObjectsApi).patchNamespacedCustomObjectStatus(target, options);
  }

  /** Once for each resource. */
  async #tell({ apiVersion, kind, metadata }: any, count: number): Promise<void> {
    if (this.#told.has(metadata.uid)) return;
    const { namespace, name, uid, resourceVersion } = metadata;
    const body: k8s.CoreV1Event = {
      metadata: { generateName: `${name}.`, namespace },
      involvedObject: { apiVersion, kind, name, namespace, uid, resourceVersion },
      reason: 'Created',
      message: `Applied ${count} objects`,
      type: 'Normal',
      source: { component: this.#plan.name },
      firstTimestamp: new Date(),
      lastTimestamp: new Date(),
      count: 1,
    };
    await this.#config.makeApiClient(k8s.CoreV1Api).createNamespacedEvent({ namespace, body });
    this.#told.add(uid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#informer.stop();
    await Promise.all(this.#work.values());
  }
}

// The pods of the API that stand for static ones: made, and made anew when somebody deletes them or when they stand
// for another pod than runs; removed once theirs has gone. Upstream: pkg/kubelet/pod/mirror_client.go.
import { mirrorAnnotation } from '../../api/core/pod/mirror.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ResourceClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isConflict, isNotFound } from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { uidOf } from '../pods/pod-text.ts';
import { WakeLoop } from '../pods/wake-loop.ts';

export interface MirrorPodsDeps {
  pods: ResourceClient<Pod>;
  clock: Clock;
  log: Logger;
  nodeName: string;
  /** Undefined until the node is in the API. */
  nodeUid(): string | undefined;
}

export const isMirrorPod = ({ metadata }: Pod) => metadata.annotations?.[mirrorAnnotation] !== undefined;

/** Whether `mirror` stands for `pod` as it is. */
export const isMirrorOf = (mirror: Pod, pod: Pod) => mirror.metadata.annotations?.[mirrorAnnotation] === uidOf(pod);

export class MirrorPods {
  readonly #deps: MirrorPodsDeps;
  readonly #wanted = new Map<string, Pod>();
  readonly #seen = new Map<string, Pod>();
  readonly #loop: WakeLoop;
  #isStarted = false;

  constructor(deps: MirrorPodsDeps) {
    this.#deps = deps;
    this.#loop = new WakeLoop({
      clock: deps.clock,
      run: () => this.#sync(),
      onFailure: (err, delayMs) => deps.log.warn({ err, delayMs }, 'a mirror pod is not as it should be; trying again'),
    });
  }

  /** What the API has is known: from now on it is changed. */
  start(): void {
    this.#isStarted = true;
    this.#loop.wake();
  }

  /** The mirror that stands for the pod as it is, if there is one. */
  of(pod: Pod): Pod | undefined {
    const mirror = this.#seen.get(keyOf(pod));
    return mirror && isMirrorOf(mirror, pod) && !mirror.metadata.deletionTimestamp ? mirror : undefined;
  }

  /** What the API has under the name now. */
  observe(key: string, mirror: Pod | undefined): void {
    if (mirror) this.#seen.set(key, mirror);
    else this.#seen.delete(key);
    this.#loop.wake();
  }

  /** The pod of that name that runs, or undefined when none does any more. */
  want(key: string, pod: Pod | undefined): void {
    if (pod) this.#wanted.set(key, pod);
    else this.#wanted.delete(key);
    this.#loop.wake();
  }

  async #sync(): Promise<void> {
    if (!this.#isStarted) return;
    const failures: unknown[] = [];
    for (const key of new Set([...this.#wanted.keys(), ...this.#seen.keys()])) {
      // One that cannot be made, for lack of its namespace say, holds up no other.
      await this.#syncOne(key).catch((err) => failures.push(err));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #syncOne(key: string): Promise<void> {
    const [pod, mirror] = [this.#wanted.get(key), this.#seen.get(key)];
    if (!mirror && pod) return this.#create(pod);
    if (!mirror || (pod && isMirrorOf(mirror, pod) && !mirror.metadata.deletionTimestamp)) return;
    const { namespace = '', name = '', uid = '' } = mirror.metadata;
    try {
      await this.#deps.pods.delete({ namespace, name }, { gracePeriodSeconds: 0, uid });
    } catch (err) {
      if (!isNotFound(err) && !isConflict(err)) throw err;
    }
  }

  async #create(pod: Pod): Promise<void> {
    const { nodeName, nodeUid, pods } = this.#deps;
    const uid = nodeUid();
    if (uid === undefined) throw new Error('the node is not registered yet');
    const { uid: hash = '', ...metadata } = pod.metadata;
    const created = await pods.create({
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, [mirrorAnnotation]: hash },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid, controller: true }],
      },
      spec: pod.spec,
      status: {},
    });
    // The watch tells of it in its own time.
    if (!this.#seen.has(keyOf(pod))) this.#seen.set(keyOf(pod), created);
  }
}

// All pods of this node: one worker each, woken by the API, the runtime and probes. Pods that the
// API no longer has are ended. Upstream: the sync loop of kubelet.go.

import { status } from '@grpc/grpc-js';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Informer } from '../../client/informer.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { keepTrying } from '../keep-trying.ts';
import { listPodLogs } from '../logs/pod-log-folders.ts';
import { byTurn, judgeResize } from '../resize/resize-admission.ts';
import { isMirrorOf, isMirrorPod, type MirrorPods } from '../static/mirror-pods.ts';
import { asApiPod } from '../static/static-pod-file.ts';
import { listPodFolders } from '../volumes/pod-volumes.ts';
import { admitPod } from './admission.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { removeOrphan } from './pod-removal.ts';
import { isFinished, uidOf } from './pod-text.ts';
import { PodWorker } from './pod-worker.ts';
import { Relist } from './relist.ts';

const relistPeriodMs = 60_000;
const lookMs = 1_000;
const reconnectMs = 500;
const settleMs = 1_000;
const orphanRetryMs = 1_000;

export class PodSet {
  readonly #deps: KubeletDeps;
  readonly #informer: Informer<Pod>;
  readonly #node: () => Node;
  readonly #workers = new Map<string, PodWorker>();
  #judgesResizes = false;
  /** Sandboxes found at start, until a worker has taken them. */
  #found = new Map<string, string[]>();

  /** The static pods that are to run, and those that do, by namespace and name. */
  #static = new Map<string, Pod>();
  readonly #staticWorkers = new Map<string, PodWorker>();
  readonly #mirrors: MirrorPods;

  constructor(deps: KubeletDeps, informer: Informer<Pod>, node: () => Node, mirrors: MirrorPods) {
    this.#deps = deps;
    this.#informer = informer;
    this.#node = node;
    this.#mirrors = mirrors;
  }

  /** Finds what runs here already. From now on static pods may be set; nobody needs to have asked the API server. */
  async open(signal: AbortSignal): Promise<void> {
    this.#found = await this.#listSandboxes();
    void this.#followRuntime(signal);
  }

  /** The static pods of the node, all of them. */
  setStatic(pods: readonly Pod[]): void {
    this.#static = new Map(pods.map((pod) => [keyOf(pod), pod]));
    for (const [key, worker] of this.#staticWorkers) {
      const wanted = this.#static.get(key);
      if (!wanted || uidOf(wanted) !== uidOf(worker.pod)) worker.remove(worker.pod);
    }
    for (const pod of pods) this.#startStatic(pod);
  }

  /** Another pod of the name ends first. */
  #startStatic(pod: Pod): void {
    const key = keyOf(pod);
    if (this.#staticWorkers.has(key)) return;
    const mirror = this.#mirrors.of(pod);
    const { phase: _, reason: _reason, message: _message, ...known } = mirror?.status ?? {};
    const worker = this.#add({ ...pod, status: { ...pod.status, ...known } }, () => {
      this.#staticWorkers.delete(key);
      const next = this.#static.get(key);
      if (next) this.#startStatic(next);
      else this.#mirrors.want(key, undefined);
    });
    this.#staticWorkers.set(key, worker);
    worker.mirrorTo(mirror);
    this.#mirrors.want(key, pod);
  }

  #onMirrorChange(key: string, mirror: Pod | undefined): void {
    this.#mirrors.observe(key, mirror);
    const worker = this.#staticWorkers.get(key);
    worker?.mirrorTo(mirror && isMirrorOf(mirror, worker.pod) ? mirror : undefined);
  }

  /** Takes on the pods of the API and what runs of them already, then follows both until the signal is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#informer.synced();
    this.#informer.onChange((pod, old) => this.#onChange(pod, old));
    this.#mirrors.start();
    await this.#removeOrphans(signal);
    this.#judgesResizes = true;
    this.#judgeResizes();
    this.#deps.clock.every(relistPeriodMs, () => {
      this.wakeAll();
      this.#judgeResizes();
    });
  }

  worker(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  /** By namespace and name: the newest pod of that name. */
  find(namespace: string, name: string): PodWorker | undefined {
    const own = this.#staticWorkers.get(`${namespace}/${name}`);
    if (own) return own;
    const pod = this.#informer.lister.get(`${namespace}/${name}`);
    return pod && this.#workers.get(uidOf(pod));
  }

  list(): PodWorker[] {
    return [...this.#workers.values()];
  }

  wake(uid: string): void {
    this.#workers.get(uid)?.wake();
  }

  /** Looks at all pods, and at what the runtime has of them. */
  wakeAll(): void {
    for (const worker of this.#workers.values()) worker.noteRuntimeChange();
  }

  #onChange(told: Pod | undefined, toldBefore: Pod | undefined): void {
    const [pod, old] = [told && asApiPod(told), toldBefore && asApiPod(toldBefore)];
    const either = pod ?? old;
    if (either && isMirrorPod(either)) {
      this.#onMirrorChange(keyOf(either), pod);
      return;
    }
    if (!pod) {
      if (old) this.#workers.get(uidOf(old))?.remove(old);
      return;
    }
    const worker = this.#workers.get(uidOf(pod));
    if (worker) worker.update(pod);
    else this.#add(pod, () => undefined);
    if (worker?.pendingResize) this.#judgeResizes();
  }

  /** Gives running pods what they ask for, as far as there is room; what one gives back may be for the next. */
  #judgeResizes(): void {
    // What runs here from before is to be known first.
    if (!this.#judgesResizes) return;
    const pending = this.list().flatMap((worker) => {
      const resize = worker.pendingResize;
      return resize ? [{ worker, resize }] : [];
    });
    if (pending.length === 0) return;
    for (const { worker, resize } of pending.sort((a, b) => byTurn(a.resize, b.resize)))
      worker.resize(judgeResize(resize.desired, this.#node(), this.#podsBeside(worker)));
  }

  /** The other pods whose requests are counted. */
  #podsBeside(worker: PodWorker): Pod[] {
    return this.list()
      .filter((other) => other !== worker && other.isCounted)
      .map(({ pod }) => pod);
  }

  #add(pod: Pod, onGone: () => void): PodWorker {
    const uid = uidOf(pod);
    const sandboxIds = this.#found.get(uid) ?? [];
    this.#found.delete(uid);
    const onEnded = () => this.#judgeResizes();
    const onFinished = () => {
      this.#workers.delete(uid);
      onGone();
    };
    const worker = new PodWorker(this.#deps, { pod, sandboxIds, onEnded, onFinished });
    this.#workers.set(uid, worker);
    if (sandboxIds.length > 0) this.#deps.cgroups.adopt(worker.pod);
    // A pod that has been taken on stays, whatever else has come since.
    const isKnown = sandboxIds.length > 0 || pod.status?.startTime !== undefined || isFinished(pod);
    const isLeaving = pod.metadata.deletionTimestamp !== undefined;
    const context = { others: this.#podsBeside(worker), hasAppArmor: this.#deps.hasAppArmor };
    const rejection =
      isKnown || isLeaving ? undefined : admitPod(pod, this.#node(), { ...context, pressure: this.#deps.pressure() });
    if (rejection) {
      this.#deps.log.info({ pod: keyOf(pod), ...rejection }, 'pod refused');
      worker.reject(rejection);
      return worker;
    }
    if (!isFinished(pod)) worker.keep();
    worker.wake();
    return worker;
  }

  async #listSandboxes(): Promise<Map<string, string[]>> {
    const { items } = await this.#deps.cri.runtime.ListPodSandbox({});
    const byUid = new Map<string, string[]>();
    for (const { id, metadata } of items) {
      const uid = metadata?.uid ?? '';
      byUid.getOrInsert(uid, []).push(id);
    }
    return byUid;
  }

  /** Whatever lies here of pods that no worker took. */
  async #removeOrphans(signal: AbortSignal): Promise<void> {
    const left = new Set([
      ...this.#found.keys(),
      ...(await listPodFolders(this.#deps.volumes)),
      ...(await listPodLogs(this.#deps.settings.podLogsDir)),
      ...this.#deps.cgroups.list(),
    ]);
    for (const uid of left) {
      if (this.#workers.has(uid)) continue;
      this.#deps.log.info({ uid }, 'ending a pod that is gone from the API server');
      this.#removeOrphan(uid, this.#found.get(uid) ?? [], signal).catch(() => undefined);
    }
    this.#found.clear();
  }

  /** Nobody else would ever end it: it is tried until it is done. */
  async #removeOrphan(uid: string, sandboxIds: readonly string[], signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const onFailure = (err: unknown, delayMs: number) =>
      log.warn({ err, uid, delayMs }, 'what is left of a pod could not be removed; trying again');
    const patience = { clock, signal, delayMs: orphanRetryMs, maxDelayMs: relistPeriodMs, onFailure };
    await keepTrying(() => removeOrphan(this.#deps, uid, sandboxIds), patience);
  }

  /** Every event of the runtime but those of creations wakes the pod it is about; after a gap all are woken. */
  async #followRuntime(signal: AbortSignal): Promise<void> {
    const { cri, clock, log } = this.#deps;
    while (!signal.aborted) {
      this.wakeAll();
      // The stream does not say when it has begun: what happened until then is looked for when it surely has.
      const begun = clock.after(settleMs, () => this.wakeAll());
      try {
        for await (const event of cri.runtime.GetContainerEvents({}, { signal })) {
          const worker = this.#workers.get(event.pod_sandbox_status?.metadata?.uid ?? '');
          // What was made for a pod, its worker has asked for, and goes on when it is answered.
          if (event.container_event_type === 'CONTAINER_CREATED_EVENT') worker?.runtime.noteChange();
          else worker?.noteRuntimeChange();
        }
      } catch (err) {
        if (signal.aborted) return;
        if (isRpcError(err) && err.code === status.UNIMPLEMENTED) return this.#lookAgain(signal);
        log.warn({ err }, 'lost the events of the runtime; connecting again');
      } finally {
        begun.cancel();
      }
      await clock.sleep(reconnectMs, signal).catch(() => undefined); // aborted: the loop ends by itself
    }
  }

  /** For a runtime that tells of no events. */
  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { cri, clock, log, timeRelist } = this.#deps;
    log.info({}, 'the runtime tells of no events: it is looked at every second');
    const relist = new Relist(cri);
    while (!signal.aborted) {
      try {
        const look = relist.look();
        for (const uid of await (timeRelist?.(look) ?? look)) this.#workers.get(uid)?.noteRuntimeChange();
      } catch (err) {
        log.debug({ err }, 'the runtime cannot be looked at');
      }
      await clock.sleep(lookMs, signal).catch(() => undefined); // aborted: the loop ends by itself
    }
  }
}

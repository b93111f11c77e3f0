// The resize of one pod: keeps what the pod has been given and what is up with a wish for more or less, and brings
// the control groups of what runs into line. The pod's group grows before its containers and shrinks after them.
// Upstream: doPodResizeAction in kuberuntime_manager.go, handlePodResourcesResize.
import type { PodCondition } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { KubeletDeps } from '../pods/kubelet-deps.ts';
import type { PodRuntime } from '../pods/pod-runtime.ts';
import { eventTarget } from '../pods/pod-text.ts';
import { readySandbox } from '../pods/runtime-state.ts';
import { detailsOf } from '../probes/rpc-text.ts';
import { type Allocation, allocationOf, isResized, withAllocation } from './allocation.ts';
import type { ResizeRefusal } from './resize-admission.ts';
import { type ContainerResize, planResize } from './resize-plan.ts';
import { type ResizeState, resizeMessage, resizeStateOf } from './resize-text.ts';

/** How soon a resize that failed is tried again. */
const retryMs = 10_000;

export class PodResizer {
  readonly #deps: KubeletDeps;
  #allocation: Allocation;
  #state: ResizeState;
  #isStored: boolean;
  /** The pod's group is known to hold what the pod has been given. */
  #isAligned = false;

  /** `known`: the conditions of the pod as it was found. */
  constructor(deps: KubeletDeps, pod: Pod, known: readonly PodCondition[]) {
    this.#deps = deps;
    const stored = deps.allocations.read(pod);
    this.#isStored = stored !== undefined;
    this.#allocation = stored ?? allocationOf(pod);
    this.#state = resizeStateOf(known);
  }

  get state(): ResizeState {
    return this.#state;
  }

  /** The pod with what it has been given. */
  allocated(desired: Pod): Pod {
    return withAllocation(desired, this.#allocation);
  }

  isPending(desired: Pod): boolean {
    return isResized(desired, this.#allocation);
  }

  /** The node takes the pod on as it is. */
  keep(pod: Pod): void {
    if (!this.#isStored) this.#isStored = this.#store(pod, this.#allocation);
  }

  #store(pod: Pod, allocation: Allocation): boolean {
    try {
      this.#deps.allocations.write(pod, allocation);
      return true;
    } catch (err) {
      this.#deps.log.warn({ err, pod: pod.metadata.name }, 'what the pod is given could not be written down');
      return false;
    }
  }

  /** The pod is given what it asks for. */
  grant(desired: Pod): void {
    const allocation = allocationOf(desired);
    // It is tried again with the next look at those that wait.
    if (!this.#store(desired, allocation)) return;
    this.#allocation = allocation;
    this.#isAligned = false;
    const { generation } = allocation;
    this.#state = { inProgress: { generation } };
    this.#tell(desired, 'Normal', 'ResizeStarted', resizeMessage('started', desired, { generation }));
  }

  /** The pod stays as it is for now. Answers whether that is news. */
  refuse(desired: Pod, { reason, message, said = reason }: ResizeRefusal): boolean {
    const { generation = 0 } = desired.metadata;
    const { pending } = this.#state;
    if (pending?.reason === reason && pending.message === message && pending.generation === generation) return false;
    this.#state = { ...this.#state, pending: { reason, message, generation } };
    const text = resizeMessage(said, desired, { generation, error: message });
    this.#tell(desired, 'Warning', `Resize${reason}`, text);
    return true;
  }

  /** The pod asks for what it has. */
  #settle(desired: Pod): void {
    if (this.#state.pending && !this.isPending(desired)) this.#state = { ...this.#state, pending: undefined };
  }

  /** Brings what runs into line with what the pod has been given. Answers when to look again, if nothing happens. */
  async sync(desired: Pod, runtime: PodRuntime): Promise<number | undefined> {
    this.#settle(desired);
    const pod = this.allocated(desired);
    const plan = this.plan(pod, runtime);
    if (!readySandbox(runtime.state) || (plan.length === 0 && this.#isAligned)) return undefined;
    if (plan.length > 0 && !this.#state.inProgress) {
      this.#state = { ...this.#state, inProgress: { generation: this.#allocation.generation } };
    }
    try {
      await this.#apply(pod, plan);
      if (plan.length > 0) await runtime.refresh();
    } catch (err) {
      this.#noteFailure(pod, detailsOf(err));
      return retryMs;
    }
    if (!this.#isAligned || this.plan(pod, runtime).length > 0) return undefined;
    if (this.#state.inProgress) {
      const { generation } = this.#state.inProgress;
      this.#state = { ...this.#state, inProgress: undefined };
      this.#tell(pod, 'Normal', 'ResizeCompleted', resizeMessage('completed', pod, { generation }));
    }
    return undefined;
  }

  /** What is out of line. */
  plan(pod: Pod, runtime: PodRuntime): ContainerResize[] {
    return planResize(pod, runtime.state, this.#deps.nodeResources);
  }

  async #apply(pod: Pod, plan: readonly ContainerResize[]): Promise<void> {
    const { cri, cgroups } = this.#deps;
    const inPlace = plan.filter((c) => !c.needsRestart);
    // What is about to end gives its memory back first.
    const awaitsEnds = inPlace.length < plan.length;
    await this.#checkMemory(pod, inPlace, { withPod: !awaitsEnds });
    cgroups.resize(pod, 'grow');
    for (const { id, resources } of inPlace) {
      await cri.runtime.UpdateContainerResources({ container_id: id, linux: resources });
    }
    if (awaitsEnds) return;
    cgroups.resize(pod, 'shrink');
    this.#isAligned = true;
  }

  /** A limit below what is in use would end processes. Throws with every such limit. */
  async #checkMemory(pod: Pod, plan: readonly ContainerResize[], { withPod }: { withPod: boolean }): Promise<void> {
    const refused: string[] = [];
    const decrease = withPod ? this.#deps.cgroups.memoryDecrease(pod) : undefined;
    if (decrease && decrease.usage >= decrease.limit)
      refused.push(`attempting to set pod memory limit (${decrease.limit}) below current usage (${decrease.usage})`);
    for (const { id, name, from, to } of plan) {
      const limit = to.memoryBytes;
      if (limit === undefined || limit >= (from.memoryBytes ?? Number.POSITIVE_INFINITY)) continue;
      const { stats } = await this.#deps.cri.runtime.ContainerStats({ container_id: id });
      const usage = Number(stats?.memory?.usage_bytes?.value ?? 0);
      if (usage < limit) continue;
      refused.push(`attempting to set container "${name}" memory limit (${limit}) below current usage (${usage})`);
    }
    if (refused.length === 0) return;
    const list = refused.length === 1 ? refused[0] : `[${refused.join(', ')}]`;
    throw new Error(`cannot decrease memory limits: ${list}`);
  }

  #noteFailure(pod: Pod, error: string): void {
    const { generation } = this.#allocation;
    const before = this.#state.inProgress?.error;
    this.#state = { ...this.#state, inProgress: { generation, error } };
    // Usage moves all the time: that is no other error.
    if (before !== undefined && withoutNumbers(before) === withoutNumbers(error)) return;
    this.#tell(pod, 'Warning', 'ResizeError', resizeMessage('error', pod, { generation, error }));
  }

  #tell(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.events.event(eventTarget(pod), type, reason, message);
  }
}

const withoutNumbers = (text: string) => text.replaceAll(/\(\d+\)/g, '');

// What the runtime has of one pod, read anew when something there may have changed, and the messages
// that ended containers left. Events of the runtime are only signals: a read is never out of order.
import { status } from '@grpc/grpc-js';
import type { ContainerStatus, PodSandboxStatus, PodSandboxStatusResponse } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { unlinkLog } from '../logs/container-links.ts';
import { removeLog } from '../logs/log-rotator.ts';
import { readTerminationMessage } from '../logs/termination-message.ts';
import {
  containersNamed,
  emptyRuntimeState,
  hasExited,
  isRunning,
  joinSandboxes,
  nameOf,
  type RuntimeState,
  runtimeLabels,
} from './runtime-state.ts';

export class PodRuntime {
  readonly #cri: CriClient;
  readonly #uid: string;
  readonly #sandboxIds: Set<string>;
  readonly #replaced = new Set<string>();
  readonly #messages = new Map<string, string>();
  #state: RuntimeState = emptyRuntimeState;
  #isStale = true;

  constructor(cri: CriClient, uid: string, sandboxIds: Iterable<string>) {
    this.#cri = cri;
    this.#uid = uid;
    this.#sandboxIds = new Set(sandboxIds);
  }

  get state(): RuntimeState {
    return this.#state;
  }

  addSandbox(id: string): void {
    this.#sandboxIds.add(id);
  }

  /**
   * Finds sandboxes of the pod that nobody told us of: their making outlived the kubelet, or the
   * call, that asked for it.
   */
  async findSandboxes(): Promise<void> {
    const filter = { label_selector: { [runtimeLabels.podUid]: this.#uid } };
    const { items } = await this.#cri.runtime.ListPodSandbox({ filter });
    for (const { id } of items) this.#sandboxIds.add(id);
  }

  /** Whether something may have changed since it was last read. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** Something may have changed: an event says so, or what was asked of the runtime has been done. */
  noteChange(): void {
    this.#isStale = true;
  }

  /** The container is stopped for a successor. */
  noteReplaced(id: string): void {
    this.#replaced.add(id);
  }

  terminationMessageOf(container: ContainerStatus): string {
    return this.#messages.get(container.id) ?? '';
  }

  async refresh(): Promise<void> {
    // What changes while it is read may be missed.
    this.#isStale = false;
    try {
      await this.#readAll();
    } catch (err) {
      this.#isStale = true;
      throw err;
    }
  }

  async #readAll(): Promise<void> {
    const sandboxes: { sandbox: PodSandboxStatus; containers: ContainerStatus[] }[] = [];
    await Promise.all(
      [...this.#sandboxIds].map(async (id) => {
        const found = await this.#read(id);
        if (!found?.status) {
          this.#sandboxIds.delete(id);
          return;
        }
        sandboxes.push({ sandbox: found.status, containers: found.containers_statuses });
      }),
    );
    this.#state = joinSandboxes(sandboxes, this.#replaced);
    const unread = this.#state.containers.filter((c) => hasExited(c) && !this.#messages.has(c.id));
    await Promise.all(
      unread.map(async (c) => {
        this.#messages.set(c.id, await readTerminationMessage(c));
      }),
    );
  }

  async #read(id: string): Promise<PodSandboxStatusResponse | undefined> {
    const { runtime } = this.#cri;
    const found = await ifKnown(runtime.PodSandboxStatus({ pod_sandbox_id: id }));
    // A runtime that says when it looked tells of the containers as well; others are asked for each.
    if (!found || Number(found.timestamp) > 0) return found;
    const { containers } = await runtime.ListContainers({ filter: { pod_sandbox_id: id } });
    const answers = await Promise.all(
      containers.map((container) => ifKnown(runtime.ContainerStatus({ container_id: container.id }))),
    );
    return { ...found, containers_statuses: answers.flatMap((answer) => answer?.status ?? []) };
  }

  /**
   * Removes ended containers beyond the newest ended one of each name, those whose start was cut off and that have a
   * successor, and ended sandboxes without containers.
   */
  async collectGarbage(): Promise<void> {
    const names = new Set(this.#state.containers.map(nameOf));
    const surplus = [...names].flatMap((name) => {
      const found = containersNamed(this.#state, name);
      const cutOff = found.slice(1).filter((c) => !isRunning(c) && !hasExited(c));
      return [...cutOff, ...found.filter(hasExited).slice(1 + endedNewest(this.#state, name))];
    });
    await this.remove(surplus);
    await this.#removeEmptySandboxes();
  }

  /** Removes ended containers and their logs, in this order. */
  async remove(ended: readonly ContainerStatus[]): Promise<void> {
    for (const { id, log_path } of ended) {
      await this.#cri.runtime.RemoveContainer({ container_id: id });
      if (log_path !== '') await unlinkLog(log_path, id);
      await removeLog(log_path);
      this.#messages.delete(id);
    }
    const kept = this.#state.containers.filter((c) => !ended.includes(c));
    this.#state = { ...this.#state, containers: kept };
  }

  /** Sandboxes before the newest are kept only for the containers whose ends they remember. */
  async #removeEmptySandboxes(): Promise<void> {
    for (const { id } of this.#state.sandboxes.slice(1)) {
      const found = await this.#read(id);
      if (found && found.containers_statuses.length > 0) continue;
      await this.#cri.runtime.RemovePodSandbox({ pod_sandbox_id: id });
      this.#sandboxIds.delete(id);
      this.#state = { ...this.#state, sandboxes: this.#state.sandboxes.filter((s) => s.id !== id) };
    }
  }

  /** Removes everything of the pod from the runtime; it has been stopped. */
  async removeAll(): Promise<void> {
    await this.findSandboxes();
    for (const id of this.#sandboxIds) {
      await this.#cri.runtime.StopPodSandbox({ pod_sandbox_id: id });
      await this.#cri.runtime.RemovePodSandbox({ pod_sandbox_id: id });
    }
    this.#sandboxIds.clear();
    this.#messages.clear();
    this.#state = emptyRuntimeState;
  }
}

/** What the runtime answers of what may have gone meanwhile. */
export function ifKnown<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((err) => {
    if (isRpcError(err) && err.code === status.NOT_FOUND) return undefined;
    throw err;
  });
}

/** When the newest attempt itself has ended, the one before it is kept too: it is what lastState shows. */
const endedNewest = (state: RuntimeState, name: string) => {
  const [newest] = containersNamed(state, name);
  return newest && hasExited(newest) ? 1 : 0;
};

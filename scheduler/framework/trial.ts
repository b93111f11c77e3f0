// The filters of one cycle, and what they would say if pods were elsewhere: pods are put on nodes and taken off them in
// thought, and whoever does so undoes it before the cycle ends.
import type { Meter } from './meter.ts';
import type { NodeInfo } from './node-info.ts';
import type { CycleState, Plugin, Snapshot } from './plugin.ts';
import { type PodInfo, priorityOf } from './pod-info.ts';
import { isRejection, type Refusal } from './status.ts';

export interface Rejection {
  status: Refusal;
  plugin: Plugin;
}

interface TrialParts {
  pod: PodInfo;
  state: CycleState;
  filters: readonly Plugin[];
  snapshot: Snapshot;
}

export class Trial {
  readonly pod: PodInfo;
  readonly snapshot: Snapshot;
  readonly #state: CycleState;
  readonly #filters: readonly Plugin[];
  readonly #adjusting: readonly Plugin[];

  constructor({ pod, state, filters, snapshot }: TrialParts) {
    this.pod = pod;
    this.snapshot = snapshot;
    this.#state = state;
    this.#filters = filters;
    this.#adjusting = filters.filter((plugin) => plugin.adjust);
  }

  /**
   * Why the pod does not fit; undefined: it does. Room that is being made for pods that are no less important is
   * taken, and it must fit without them, too: they may never come. Upstream: RunFilterPluginsWithNominatedPods.
   */
  reject(node: NodeInfo): Rejection | undefined {
    const expected = this.#expectedOn(node);
    if (expected) {
      for (const other of expected) this.add(node, other);
      const rejection = this.#reject(node);
      for (const other of expected) this.remove(node, other);
      if (rejection) return rejection;
    }
    return this.#reject(node);
  }

  #expectedOn(node: NodeInfo): PodInfo[] | undefined {
    const nominated = this.snapshot.nominatedTo(node.name);
    return nominated
      ? [...nominated].filter((other) => other.uid !== this.pod.uid && priorityOf(other) >= priorityOf(this.pod))
      : undefined;
  }

  #reject(node: NodeInfo): Rejection | undefined {
    for (const plugin of this.#filters) {
      const status = plugin.filter!(this.#state, this.pod, node);
      if (isRejection(status)) return { status, plugin };
    }
    return undefined;
  }

  /** Has the filters looked at a node once more, each timed. */
  measure(node: NodeInfo, meter: Meter): void {
    for (const plugin of this.#filters) meter.ask('Filter', plugin, () => plugin.filter!(this.#state, this.pod, node));
  }

  add(node: NodeInfo, other: PodInfo): void {
    node.addPod(other);
    this.#adjust(node, other, 1);
  }

  remove(node: NodeInfo, other: PodInfo): void {
    node.removePod(other.uid);
    this.#adjust(node, other, -1);
  }

  #adjust(node: NodeInfo, other: PodInfo, sign: 1 | -1): void {
    for (const plugin of this.#adjusting) plugin.adjust!(this.#state, this.pod, { node, other, sign }, this.snapshot);
  }
}

// All extenders, as a cycle asks them: one after the other to turn nodes down, all at once for points.
import type { Pod } from '../../api/core/pod.ts';
import type { Logger } from '../../machinery/log.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { Plugin, Preemption } from '../framework/plugin.ts';
import { type Refusal, unresolvable, unschedulable } from '../framework/status.ts';
import type { Rejection } from '../framework/trial.ts';
import type { Extender } from './extender.ts';

/** Stands for extenders where plugins are named: whatever happens may change their minds. */
const plugin: Plugin = { name: 'Extender', mayHelp: () => true };

const refusalOf = (status: ReturnType<typeof unschedulable>): Rejection => ({ status: status as Refusal, plugin });

/** Extenders that are interested in a pod. */
export class Extenders {
  readonly #extenders: readonly Extender[];
  readonly #log: Logger;

  /** Those without which pods may be scheduled come last. */
  constructor(extenders: readonly Extender[], log: Logger) {
    const isIgnorable = ({ config }: Extender) => config.ignorable === true;
    this.#extenders = [...extenders].sort((a, b) => Number(isIgnorable(a)) - Number(isIgnorable(b)));
    this.#log = log;
  }

  close(): void {
    for (const one of this.#extenders) one.close();
  }

  /** Those that have a say about the pod; undefined: none. */
  for(pod: Pod): Extenders | undefined {
    const interested = this.#extenders.filter((one) => one.isInterestedIn(pod));
    if (interested.length === 0) return undefined;
    return interested.length === this.#extenders.length ? this : new Extenders(interested, this.#log);
  }

  /** What `ask` gives; undefined where pods are scheduled without an extender that fails. */
  async #ask<T>(one: Extender, pod: Pod, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (err) {
      if (!one.config.ignorable) throw err;
      this.#log.info(
        { err, pod: pod.metadata.name, extender: one.config.urlPrefix },
        'extender skipped: it has failed',
      );
      return undefined;
    }
  }

  /** The nodes that all let pass; why not the others is put into `rejections`. Throws ExtenderError. */
  async filter(
    pod: Pod,
    nodes: readonly NodeInfo[],
    rejections: Map<NodeInfo, Rejection>,
  ): Promise<readonly NodeInfo[]> {
    let left = nodes;
    for (const one of this.#extenders) {
      if (!one.config.filterVerb || left.length === 0) continue;
      const before = left;
      const answer = await this.#ask(one, pod, () => one.filter(pod, before));
      if (!answer) continue;
      const passed = new Set(answer.passed);
      for (const node of before) {
        if (passed.has(node)) continue;
        const [hopeless, why] = [answer.hopeless.get(node.name), answer.failed.get(node.name)];
        if (hopeless === undefined && why !== undefined) rejections.set(node, refusalOf(unschedulable(why)));
        else rejections.set(node, refusalOf(unresolvable(...(hopeless === undefined ? [] : [hopeless]))));
      }
      left = answer.passed;
    }
    return left;
  }

  /** What nodes gain, by name; one that fails gives nothing. */
  async prioritize(pod: Pod, nodes: readonly NodeInfo[]): Promise<ReadonlyMap<string, number>> {
    const scores = new Map<string, number>();
    const give = async (one: Extender) => {
      try {
        for (const [node, score] of await one.prioritize(pod, nodes)) scores.set(node, (scores.get(node) ?? 0) + score);
      } catch (err) {
        this.#log.info({ err, pod: pod.metadata.name, extender: one.config.urlPrefix }, 'extender gives no points');
      }
    };
    await Promise.all(this.#extenders.filter(({ config }) => config.prioritizeVerb).map(give));
    return scores;
  }

  /** What of the candidates they leave, perhaps with other victims. Throws ExtenderError. */
  async preempt(
    pod: Pod,
    candidates: readonly Preemption[],
    find: (name: string) => NodeInfo | undefined,
  ): Promise<readonly Preemption[]> {
    let left = candidates;
    for (const one of this.#extenders) {
      if (!one.config.preemptVerb || left.length === 0) continue;
      const before = left;
      left = (await this.#ask(one, pod, () => one.preempt(pod, before, find))) ?? before;
    }
    return left;
  }

  /** Binds the pod if one of them does so; answers whether. Throws ExtenderError. */
  async bind(pod: Pod, node: string): Promise<boolean> {
    for (const one of this.#extenders)
      if (one.config.bindVerb && (await this.#ask(one, pod, () => one.bind(pod, node)))) return true;
    return false;
  }
}

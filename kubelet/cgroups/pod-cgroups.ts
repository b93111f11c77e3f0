// Groups for pods: /kubepods with what the node has to give, /kubepods/burstable and
// /kubepods/besteffort below it, and in them a group a pod. Guaranteed pods lie in /kubepods
// itself. https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/

import { type QosClass, qosClassOf } from '../../api/core/pod/qos.ts';
import { podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Logger } from '../../machinery/log.ts';
import { quantityMilliValue } from '../../machinery/quantity.ts';
import { uidOf } from '../pods/pod-text.ts';
import { sharesOfMilliCpu } from '../spec/resources.ts';
import { podResources } from '../spec/sandbox-config.ts';
import type { CgroupTree } from './cgroup-tree.ts';

const top = '/kubepods';
const qosDirs: Record<QosClass, string> = {
  Guaranteed: top,
  Burstable: `${top}/burstable`,
  BestEffort: `${top}/besteffort`,
};

const groupOf = (qos: QosClass, uid: string) => `${qosDirs[qos]}/pod${uid}`;

export interface NodeCapacity {
  milliCpu: number;
  memoryBytes: number;
  pids: number;
}

export class PodCgroups {
  readonly #tree: CgroupTree;
  readonly #log: Logger;
  readonly #singleProcessOOMKill: boolean;
  readonly #burstable = new Map<string, number>();

  /** Throws where the kernel cannot do as `singleProcessOOMKill` says. */
  constructor(tree: CgroupTree, log: Logger, singleProcessOOMKill: boolean | undefined) {
    if (tree.version === 1 && singleProcessOOMKill === false) {
      throw new Error(
        'invalid configuration: singleProcessOOMKill must not be explicitly set to false when using cgroup v1',
      );
    }
    this.#tree = tree;
    this.#log = log;
    this.#singleProcessOOMKill = singleProcessOOMKill ?? tree.version === 1;
  }

  get version(): 1 | 2 {
    return this.#tree.version;
  }

  /**
   * What every container's group has on version 2: memory that runs out ends all of a container
   * unless one process is to be enough, and swap is not for pods.
   */
  containerFiles(): Record<string, string> {
    if (this.#tree.version === 1) return {};
    const files: Record<string, string> = this.#singleProcessOOMKill ? {} : { 'memory.oom.group': '1' };
    if (this.#tree.read('memory', top, 'memory.swap.max') !== undefined) files['memory.swap.max'] = '0';
    return files;
  }

  /** Makes the groups that pods lie in. */
  setUp({ milliCpu, memoryBytes, pids }: NodeCapacity): void {
    this.#tree.apply(top, { cpuShares: sharesOfMilliCpu(milliCpu), memoryBytes, pids });
    this.#tree.apply(qosDirs.BestEffort, { cpuShares: 2 });
    this.#tree.apply(qosDirs.Burstable, { cpuShares: 2 });
  }

  /** Makes the group of a pod; answers its path, for the runtime. */
  create(pod: Pod): string {
    const qos = qosClassOf(pod.spec);
    const path = groupOf(qos, uidOf(pod));
    const { cpu_shares, cpu_quota, memory_limit_in_bytes } = podResources(pod);
    this.#tree.apply(path, {
      cpuShares: Number(cpu_shares),
      cpuQuotaUs: Number(cpu_quota),
      ...(memory_limit_in_bytes ? { memoryBytes: Number(memory_limit_in_bytes) } : {}),
    });
    this.adopt(pod);
    return path;
  }

  /** Counts in a pod whose group is there already, as after a restart of the kubelet. */
  adopt(pod: Pod): void {
    if (qosClassOf(pod.spec) !== 'Burstable') return;
    this.#burstable.set(uidOf(pod), quantityMilliValue(podRequests(pod.spec).cpu));
    this.#shareBurstable();
  }

  pathOf(pod: Pod): string {
    return groupOf(qosClassOf(pod.spec), uidOf(pod));
  }

  /** Removes the group of a pod that has ended, whatever its class was. False while something of it still runs. */
  remove(uid: string): boolean {
    if (this.#burstable.delete(uid)) this.#shareBurstable();
    return Object.keys(qosDirs)
      .map((qos) => this.#tree.remove(groupOf(qos as QosClass, uid)))
      .every(Boolean);
  }

  /** Uids of all pods that have a group. */
  list(): string[] {
    const names = Object.values(qosDirs).flatMap((dir) => this.#tree.children(dir));
    return names.filter((name) => /^pod[0-9a-f-]{36}$/.test(name)).map((name) => name.slice('pod'.length));
  }

  /** Burstable pods together weigh what they ask for; best-effort ones next to nothing. */
  #shareBurstable(): void {
    const total = [...this.#burstable.values()].reduce((sum, milliCpu) => sum + milliCpu, 0);
    try {
      this.#tree.apply(qosDirs.Burstable, { cpuShares: sharesOfMilliCpu(total) });
    } catch (err) {
      this.#log.warn({ err }, 'the weight of burstable pods could not be set');
    }
  }
}

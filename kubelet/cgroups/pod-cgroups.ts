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
import type { CgroupLimits, CgroupTree } from './cgroup-tree.ts';

/** Of all pods together. */
export const podsGroup = '/kubepods';
const qosDirs: Record<QosClass, string> = {
  Guaranteed: podsGroup,
  Burstable: `${podsGroup}/burstable`,
  BestEffort: `${podsGroup}/besteffort`,
};

/** The groups that pods lie in. */
export const podGroups: readonly string[] = Object.values(qosDirs);

const groupOf = (qos: QosClass, uid: string) => `${qosDirs[qos]}/pod${uid}`;

function limitsOf(pod: Pod): CgroupLimits {
  const { cpu_shares, cpu_quota, memory_limit_in_bytes } = podResources(pod);
  return {
    cpuShares: Number(cpu_shares),
    cpuQuotaUs: Number(cpu_quota),
    ...(memory_limit_in_bytes ? { memoryBytes: Number(memory_limit_in_bytes) } : {}),
  };
}

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
    if (this.#tree.read('memory', podsGroup, 'memory.swap.max') !== undefined) files['memory.swap.max'] = '0';
    return files;
  }

  /** Makes the groups that pods lie in. */
  setUp({ milliCpu, memoryBytes, pids }: NodeCapacity): void {
    this.#tree.apply(podsGroup, { cpuShares: sharesOfMilliCpu(milliCpu), memoryBytes, pids });
    this.#tree.apply(qosDirs.BestEffort, { cpuShares: 2 });
    this.#tree.apply(qosDirs.Burstable, { cpuShares: 2 });
  }

  /** Makes the group of a pod; answers its path, for the runtime. */
  create(pod: Pod): string {
    const path = this.pathOf(pod);
    // One that is there changes only with what runs in it, by resize().
    if (this.#tree.read('memory', path, 'cgroup.procs') === undefined) this.#tree.apply(path, limitsOf(pod));
    this.adopt(pod);
    return path;
  }

  /**
   * Brings the group of a pod into line with what the pod has been given: before its containers what grows, after
   * them what shrinks.
   */
  resize(pod: Pod, step: 'grow' | 'shrink'): void {
    const path = this.pathOf(pod);
    const { cpuShares, cpuQuotaUs, memoryBytes } = limitsOf(pod);
    const now = this.#limitsOf(path);
    const isDue = (next: number, current: number) => (step === 'shrink' ? next < current : next > current);
    this.#tree.apply(path, {
      ...(cpuShares === undefined ? {} : { cpuShares }),
      ...(cpuQuotaUs !== undefined && cpuQuotaUs > 0 && isDue(cpuQuotaUs, now.cpuQuotaUs) ? { cpuQuotaUs } : {}),
      ...(memoryBytes !== undefined && isDue(memoryBytes, now.memoryBytes) ? { memoryBytes } : {}),
    });
    this.adopt(pod);
  }

  /** The memory limit that a pod is about to get if that is less than before, and what it uses. In bytes. */
  memoryDecrease(pod: Pod): { limit: number; usage: number } | undefined {
    const path = this.pathOf(pod);
    const { memoryBytes: limit } = limitsOf(pod);
    if (limit === undefined || limit >= this.#limitsOf(path).memoryBytes) return undefined;
    const file = this.version === 1 ? 'memory.usage_in_bytes' : 'memory.current';
    return { limit, usage: Number(this.#tree.read('memory', path, file) ?? 0) };
  }

  /** As the kernel has them; infinite where there is none. */
  #limitsOf(path: string): { cpuQuotaUs: number; memoryBytes: number } {
    const isV1 = this.version === 1;
    const [quota] = (this.#tree.read('cpu', path, isV1 ? 'cpu.cfs_quota_us' : 'cpu.max') ?? '').split(' ');
    const memory = this.#tree.read('memory', path, isV1 ? 'memory.limit_in_bytes' : 'memory.max');
    const numberOf = (text: string | undefined) => (Number(text) > 0 ? Number(text) : Number.POSITIVE_INFINITY);
    return { cpuQuotaUs: numberOf(quota), memoryBytes: numberOf(memory) };
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
    const names = podGroups.flatMap((dir) => this.#tree.children(dir));
    return names
      .filter((name) => /^pod([0-9a-f-]{36}|[0-9a-f]{32})$/.test(name))
      .map((name) => name.slice('pod'.length));
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

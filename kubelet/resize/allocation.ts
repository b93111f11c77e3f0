// What a pod has been given of cpu and memory: what its spec asked for when the node took it on, until a resize is
// let in. It lies in the pod's folder, so that a kubelet that was killed does not take a wish for a grant; with the
// folder it goes. Upstream: pkg/kubelet/allocation.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/1287-in-place-update-pod-resources
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '../../api/core/pod/container.ts';
import type { ResourceRequirements } from '../../api/core/pod/resources.ts';
import type { Pod } from '../../api/core/pod.ts';
import { replaceFile } from '../../host/atomic-file.ts';
import { isObject, jsonEqual } from '../../machinery/json.ts';
import type { Logger } from '../../machinery/log.ts';
import { canonicalQuantity } from '../../machinery/quantity.ts';
import { containersOf, initContainersOf, uidOf } from '../pods/pod-text.ts';

export interface Allocation {
  /** The generation of the pod that asked for it. */
  generation: number;
  containers: Record<string, ResourceRequirements>;
  /** The pod as a whole, null where it asks for nothing; builds before this one did not keep it. */
  pod?: ResourceRequirements | null;
}

/** Containers whose resources may change while they run. */
export const resizableContainersOf = (pod: Pod): readonly Container[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
];

/** What the pod asks for. */
export function allocationOf(pod: Pod): Allocation {
  const containers = Object.fromEntries(resizableContainersOf(pod).map((c) => [c.name, c.resources ?? {}]));
  return { generation: pod.metadata.generation ?? 0, containers, pod: pod.spec.resources ?? null };
}

/** Whether the pod asks for other amounts than it has been given. */
export function isResized(pod: Pod, allocation: Allocation): boolean {
  if (allocation.pod !== undefined && !sameAmounts(pod.spec.resources ?? {}, allocation.pod ?? {})) return true;
  return resizableContainersOf(pod).some(({ name, resources = {} }) => {
    const given = allocation.containers[name];
    return given !== undefined && !sameAmounts(resources, given);
  });
}

function sameAmounts(a: ResourceRequirements, b: ResourceRequirements): boolean {
  return jsonEqual(amountsOf(a), amountsOf(b));
}

/** One way to write equal amounts. */
const amountsOf = ({ requests = {}, limits = {} }: ResourceRequirements) =>
  [requests, limits].map((list) =>
    Object.fromEntries(Object.entries(list).map(([name, amount]) => [name, canonicalQuantity(amount) ?? amount])),
  );

/** The pod with what it has been given in the place of what it asks for. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  if (!isResized(pod, allocation)) return pod;
  const give = (container: Container): Container => {
    const given = allocation.containers[container.name];
    return given === undefined ? container : { ...container, resources: given };
  };
  const { resources: asked, ...spec } = pod.spec;
  const resources = allocation.pod === undefined ? asked : allocation.pod;
  return {
    ...pod,
    spec: {
      ...spec,
      ...(resources ? { resources } : {}),
      containers: spec.containers.map(give),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(give) } : {}),
    },
  };
}

export class AllocationStore {
  readonly #podsDir: string;
  readonly #log: Logger;

  constructor(podsDir: string, log: Logger) {
    this.#podsDir = podsDir;
    this.#log = log;
  }

  /** What the pod was given before, if it was. */
  read(pod: Pod): Allocation | undefined {
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.#dirOf(pod), fileName), 'utf8'));
      if (isObject(value) && Number.isInteger(value.generation) && isObject(value.containers))
        return value as unknown as Allocation;
      this.#log.warn({ pod: uidOf(pod) }, 'what the pod was given is not readable');
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.warn({ err, pod: uidOf(pod) }, 'what the pod was given is not readable');
    }
    return undefined;
  }

  write(pod: Pod, allocation: Allocation): void {
    const dir = this.#dirOf(pod);
    mkdirSync(dir, { recursive: true, mode: 0o750 });
    replaceFile(join(dir, fileName), JSON.stringify(allocation));
  }

  #dirOf(pod: Pod): string {
    return join(this.#podsDir, uidOf(pod));
  }
}

const fileName = 'allocation.json';

// Which ids of the node a pod's users have, when they are not the node's (`hostUsers: false`): a range that no other pod
// has. It lies in the pod's folder, under upstream's name and in its form, and is taken for as long as that is there: what
// is on the disk is all there is to know. Upstream: pkg/kubelet/userns.
// https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import { replaceFile } from '../../host/atomic-file.ts';
import { ifThereSync } from '../../host/if-there.ts';
import { isObject } from '../../machinery/json.ts';
import type { IDMapping, UserNamespace } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { uidOf } from './pod-text.ts';

/** What ranges begin at multiples of. Those of the node's own users are below. */
export const idsUnit = 65_536;
const endOfIds = 2 ** 32 - 1;
const fileName = 'userns';

export class UserNamespaces {
  readonly #podsDir: string;
  readonly #idsPerPod: number;

  constructor(podsDir: string, idsPerPod: number) {
    this.#podsDir = podsDir;
    this.#idsPerPod = idsPerPod;
  }

  /** The pod's user namespace, as the runtime takes it. A pod that has no range yet gets one. Throws when it cannot. */
  of(pod: Pod): Init<UserNamespace> {
    if (pod.spec.hostUsers !== false) return { mode: 'NODE' };
    const mapping = this.#read(uidOf(pod)) ?? this.#allocate(uidOf(pod));
    return { mode: 'POD', uids: [mapping], gids: [mapping] };
  }

  /** Nothing is waited for from reading to writing: two pods never find the same range free. */
  #allocate(uid: string): IDMapping {
    const taken = readdirSync(this.#podsDir).flatMap((other) => this.#read(other) ?? []);
    const length = this.#idsPerPod;
    for (let host_id = length; host_id + length <= endOfIds; host_id += length) {
      if (taken.some((other) => host_id < other.host_id + other.length && other.host_id < host_id + length)) continue;
      const range = [{ hostId: host_id, containerId: 0, length }];
      mkdirSync(join(this.#podsDir, uid), { recursive: true, mode: 0o750 });
      replaceFile(join(this.#podsDir, uid, fileName), JSON.stringify({ uidMappings: range, gidMappings: range }));
      return { host_id, container_id: 0, length };
    }
    throw new Error('create user namespace: could not find an empty slot to allocate a user namespace');
  }

  #read(uid: string): IDMapping | undefined {
    const text = ifThereSync(() => readFileSync(join(this.#podsDir, uid, fileName), 'utf8'), 'ENOTDIR');
    // An empty one is what a machine that lost its power leaves: nothing of the pod runs then.
    if (!text) return undefined;
    const range = rangeIn(text);
    if (!range) throw new Error(`user namespace: the mappings of pod ${uid} are not readable`);
    return range;
  }
}

function rangeIn(text: string): IDMapping | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const [range] = isObject(value) && Array.isArray(value.uidMappings) ? value.uidMappings : [];
    if (!isObject(range)) return undefined;
    const { hostId, length } = range;
    const isRange = typeof hostId === 'number' && typeof length === 'number' && hostId > 0 && length > 0;
    return isRange ? { host_id: hostId, container_id: 0, length } : undefined;
  } catch {
    return undefined; // no JSON
  }
}

/** What is wrong with the size of a range. Upstream: validation of KubeletConfiguration's userNamespaces. */
export function idsPerPodProblem(ids: number): string | undefined {
  if (!Number.isInteger(ids) || ids < idsUnit) return `must not be less than ${idsUnit}`;
  if (ids % idsUnit !== 0) return `must be a multiple of ${idsUnit}`;
  return ids < endOfIds ? undefined : `must be less than ${endOfIds + 1}`;
}

// Writes the status of one pod to the API server: one request at a time, only what is newest, only
// when it differs from what stands there. A strategic merge patch, so that conditions of others
// survive. Upstream: pkg/kubelet/status.

import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ResourceClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isConflict, isNotFound, messageOf } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Logger } from '../../machinery/log.ts';
import { isKubeletCondition } from './conditions.ts';

export interface StatusWriterDeps {
  pods: ResourceClient<Pod>;
  clock: Clock;
  log: Logger;
}

const firstRetryMs = 200;
const maxRetryMs = 10_000;

export class StatusWriter {
  readonly #deps: StatusWriterDeps;
  readonly #target: { namespace: string; name: string };
  /** Undefined while nothing in the API stands for the pod: what is to be written waits. */
  #uid: string | undefined;
  readonly #isStatic: boolean;
  #wanted: PodStatus | undefined;
  #written: PodStatus;
  /** The version of the object that holds it. */
  #version = 0n;
  /** What the watch brought while a write was under way; it may be newer than what the write is answered with. */
  #seen: { version: bigint; status: PodStatus } | undefined;
  #work: Promise<void> | undefined;
  #closed = false;

  /** `isStatic`: another object of the API stands for the pod, its mirror, of which `observe` tells. */
  constructor(deps: StatusWriterDeps, pod: Pod, { isStatic = false } = {}) {
    this.#deps = deps;
    this.#target = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name ?? '' };
    this.#isStatic = isStatic;
    this.#uid = isStatic ? undefined : (pod.metadata.uid ?? '');
    this.#written = pod.status ?? {};
  }

  /** What stands for the pod in the API, another one perhaps, or nothing any more. */
  mirrorTo(mirror: Pod | undefined): void {
    const uid = mirror?.metadata.uid;
    if (uid !== this.#uid) {
      this.#wanted ??= this.#uid === undefined ? undefined : this.#written;
      this.#uid = uid;
      this.#version = 0n;
      this.#seen = undefined;
      if (mirror) this.#written = mirror.status ?? {};
    } else if (mirror) this.observe(mirror);
    if (this.#wanted) this.write(this.#wanted);
  }

  /** Asks for this status to be written; a newer one takes its place while it waits. */
  write(status: PodStatus): void {
    if (this.#closed) return;
    this.#wanted = status;
    if (this.#uid === undefined) return;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
      if (this.#seen && this.#seen.version > this.#version) {
        this.#version = this.#seen.version;
        this.#written = this.#seen.status;
      }
      this.#seen = undefined;
    });
  }

  /** The API server's view, as it came by the watch: it may be older than what a write was answered with. */
  observe({ metadata, status = {} }: Pod): void {
    const version = BigInt(metadata.resourceVersion ?? '0');
    if (version < this.#version) return;
    if (this.#work) {
      this.#seen = { version, status };
      return;
    }
    this.#version = version;
    this.#written = status;
  }

  /**
   * The status that stands, or will once the write is through, with the conditions of others as
   * they were last seen.
   */
  get current(): PodStatus {
    const base = this.#wanted ?? this.#written;
    if (!this.#seen || this.#seen.version <= this.#version) return base;
    const others = (this.#seen.status.conditions ?? []).filter((c) => !isOwn(c));
    return { ...base, conditions: [...others, ...(base.conditions ?? []).filter(isOwn)] };
  }

  /** The newest status of a container that is no ephemeral one. */
  saidOf(containerId: string): ContainerStatus | undefined {
    const { initContainerStatuses = [], containerStatuses = [] } = this.current;
    return [...initContainerStatuses, ...containerStatuses].find((s) => s.containerID?.endsWith(containerId));
  }

  /** Resolves when all that was asked for is written, or the pod is gone. */
  async flushed(): Promise<void> {
    await this.#work;
  }

  /** The pod is gone: nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#wanted = undefined;
  }

  async #run(): Promise<void> {
    let delayMs = firstRetryMs;
    while (this.#wanted && this.#uid !== undefined) {
      const status = this.#wanted;
      const uid = this.#uid;
      if (ownFields.every((key) => isWritten(key, this.#written, status))) {
        this.#wanted = undefined;
        return;
      }
      try {
        const updated = await this.#deps.pods.patch(this.#target, buildStatusPatch(uid, this.#written, status), {
          type: 'strategic',
          subresource: 'status',
        });
        // Meanwhile another one may have come to stand for the pod.
        if (uid !== this.#uid) continue;
        this.#written = updated.status ?? status;
        this.#version = BigInt(updated.metadata.resourceVersion ?? '0');
        if (this.#wanted === status) this.#wanted = undefined;
        delayMs = firstRetryMs;
      } catch (err) {
        // Gone, or another pod of the same name by now.
        if (isNotFound(err) || isOtherPod(err)) {
          if (this.#isStatic) this.#uid = uid === this.#uid ? undefined : this.#uid;
          else this.close();
          continue;
        }
        this.#deps.log.warn({ err, pod: this.#target }, 'status of a pod not written; trying again');
        await this.#deps.clock.sleep(delayMs);
        delayMs = Math.min(delayMs * 2, maxRetryMs);
      }
    }
  }
}

const isOwn = isKubeletCondition;

const isOtherPod = (err: unknown) => isConflict(err) && messageOf(err).includes('UID in precondition');

const ownFields = [
  'observedGeneration',
  'phase',
  'conditions',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'allocatedResources',
  'resources',
] as const;

/**
 * Whether a field stands as it should, as far as it is ours: where conditions of others are, and
 * among which, is no reason for a write.
 */
function isWritten(key: (typeof ownFields)[number], written: PodStatus, wanted: PodStatus): boolean {
  if (key !== 'conditions') return jsonEqual(written[key], wanted[key]);
  return jsonEqual((written.conditions ?? []).filter(isOwn), (wanted.conditions ?? []).filter(isOwn));
}

/**
 * The patch from one status to the next. Lists that merge by key get directives, so that order and
 * removals are ours.
 */
export function buildStatusPatch(uid: string, before: PodStatus, after: PodStatus): object {
  const status: Record<string, unknown> = {};
  for (const key of ownFields) {
    if (isWritten(key, before, after)) continue;
    status[key] = after[key] ?? null;
  }
  if (status.conditions) {
    status['$setElementOrder/conditions'] = (after.conditions ?? []).map(({ type }) => ({ type }));
    const changed = (after.conditions ?? []).filter(isOwn).flatMap((c) => {
      const known = before.conditions?.find((b) => b.type === c.type);
      return jsonEqual(known, c) ? [] : [{ ...clearedFields(known, c), ...c }];
    });
    const gone = (before.conditions ?? []).filter((b) => isOwn(b) && !after.conditions?.some((c) => c.type === b.type));
    status.conditions = [...changed, ...gone.map(({ type }) => ({ type, $patch: 'delete' }))];
  }
  for (const key of ['podIPs', 'hostIPs'] as const) {
    if (!Array.isArray(status[key])) continue;
    const gone = (before[key] ?? []).filter((x) => !after[key]?.some((y) => y.ip === x.ip));
    status[key] = [...after[key]!, ...gone.map(({ ip }) => ({ ip, $patch: 'delete' }))];
  }
  if (after.qosClass && after.qosClass !== before.qosClass) status.qosClass = after.qosClass;
  return { metadata: { uid }, status };
}

/** Null for every field that the next state no longer has: a merge would keep it. */
function clearedFields(before: object | undefined, after: object): object {
  return Object.fromEntries(
    Object.keys(before ?? {})
      .filter((k) => !(k in after))
      .map((k) => [k, null]),
  );
}

// Keeps a pod's volumes ready and fresh: makes them before anything starts, writes them anew when
// their sources change or a token grows old, and says when to look again.
import type { Pod } from '../../api/core/pod.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { VolumeError } from '../volumes/volume-error.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { eventTarget } from './pod-text.ts';

const firstDelayMs = 500;
const maxDelayMs = 122_000;
/** A node may not watch what it waits for. */
const maxWaitingMs = 2_000;
/** How long volumes may wait for others before that is told. Upstream: podAttachAndMountTimeout. */
const patienceMs = 123_000;

export class VolumeSync {
  readonly #deps: KubeletDeps;
  readonly #volumes: PodVolumes;
  #isStale = false;
  #failures = 0;
  #failingSinceMs: number | undefined;

  constructor(deps: KubeletDeps, volumes: PodVolumes) {
    this.#deps = deps;
    this.#volumes = volumes;
  }

  /** What volumes are made of has changed. */
  noteChange(): void {
    this.#isStale = true;
  }

  /** Answers whether every volume is ready, and after how long to look again. */
  async sync(pod: Pod, addresses: PodAddresses): Promise<{ isReady: boolean; wakeAfterMs: number | undefined }> {
    const { clock } = this.#deps;
    if (!this.#volumes.isReady(pod)) {
      const failed = await this.#volumes.setUp(pod);
      if (!this.#tell(pod, failed)) {
        const maxMs = failed.every(({ isWaiting }) => isWaiting) ? maxWaitingMs : maxDelayMs;
        return { isReady: false, wakeAfterMs: Math.min(maxMs, firstDelayMs * 2 ** this.#failures++) };
      }
      this.#failures = 0;
    } else if (this.#isStale || this.#volumes.refreshAtMs <= clock.now()) {
      this.#isStale = false;
      this.#tell(pod, await this.#volumes.refresh(pod, addresses));
    }
    const { refreshAtMs } = this.#volumes;
    const isTimed = Number.isFinite(refreshAtMs);
    return { isReady: true, wakeAfterMs: isTimed ? Math.max(0, refreshAtMs - clock.now()) : undefined };
  }

  /** True when nothing has failed. */
  #tell(pod: Pod, failed: readonly VolumeError[]): boolean {
    for (const { reason, message, isWaiting } of failed) {
      if (isWaiting && this.#isNew()) continue;
      this.#deps.events.event(eventTarget(pod), 'Warning', reason, message);
    }
    if (failed.length === 0) this.#failingSinceMs = undefined;
    return failed.length === 0;
  }

  /** Whether what is waited for may yet come in good time. */
  #isNew(): boolean {
    const now = this.#deps.clock.monotonicMs();
    this.#failingSinceMs ??= now;
    return now - this.#failingSinceMs < patienceMs;
  }
}

// Keeps a pod's volumes ready and fresh: makes them before anything starts, writes them anew when
// their sources change or a token grows old, and says when to look again.
import type { Pod } from '../../api/core/pod.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { eventTarget } from './pod-text.ts';

const firstDelayMs = 500;
const maxDelayMs = 122_000;

/** Whether every volume is ready, and after how long to look again. */
export interface VolumeOutlook {
  isReady: boolean;
  wakeAfterMs: number | undefined;
}

export class VolumeSync {
  readonly #deps: KubeletDeps;
  readonly #volumes: PodVolumes;
  #isStale = false;
  #failures = 0;

  constructor(deps: KubeletDeps, volumes: PodVolumes) {
    this.#deps = deps;
    this.#volumes = volumes;
  }

  /** What volumes are made of has changed. */
  noteChange(): void {
    this.#isStale = true;
  }

  async sync(pod: Pod, addresses: PodAddresses): Promise<VolumeOutlook> {
    const { clock } = this.#deps;
    if (!this.#volumes.isReady(pod)) {
      if (!this.#tell(pod, await this.#volumes.setUp(pod)))
        return { isReady: false, wakeAfterMs: Math.min(maxDelayMs, firstDelayMs * 2 ** this.#failures++) };
      this.#failures = 0;
    } else if (this.#isStale || this.#volumes.refreshAtMs <= clock.now()) {
      this.#isStale = false;
      this.#tell(pod, await this.#volumes.refresh(pod, addresses));
    }
    const { refreshAtMs } = this.#volumes;
    const isTimed = Number.isFinite(refreshAtMs);
    return { isReady: true, wakeAfterMs: isTimed ? Math.max(0, refreshAtMs - clock.now()) : undefined };
  }

  /** True when there is nothing to tell. */
  #tell(pod: Pod, failed: readonly { message: string }[]): boolean {
    for (const { message } of failed) this.#deps.events.event(eventTarget(pod), 'Warning', 'FailedMount', message);
    return failed.length === 0;
  }
}

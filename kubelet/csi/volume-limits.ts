// How many volumes of a driver a node takes may change while it runs: drivers are asked again as often as their CSIDriver
// objects say. https://kubernetes.io/docs/concepts/storage/volumes/#csi Upstream: csi_plugin.go, KEP-4876.
import type { Clock, Timer } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { CsiNode } from './csi-node.ts';
import type { CsiDrivers } from './drivers.ts';

interface VolumeLimitsDeps {
  node: Pick<CsiNode, 'setLimit'>;
  drivers: Pick<CsiDrivers, 'find'>;
  clock: Clock;
  log: Logger;
}

export class VolumeLimits {
  readonly #deps: VolumeLimitsDeps;
  readonly #asked = new Map<string, { seconds: number; timer: Timer }>();

  constructor(deps: VolumeLimitsDeps) {
    this.#deps = deps;
  }

  /** A driver is to be asked every so many seconds from now on; undefined: no more. */
  every(seconds: number | undefined, name: string): void {
    const before = this.#asked.get(name);
    if (before?.seconds === seconds) return;
    before?.timer.cancel();
    this.#asked.delete(name);
    if (seconds === undefined) return;
    const timer = this.#deps.clock.every(seconds * 1000, () => void this.#ask(name));
    this.#asked.set(name, { seconds, timer });
  }

  async #ask(name: string): Promise<void> {
    const { drivers, node, log } = this.#deps;
    const driver = drivers.find(name);
    if (!driver) return; // it is not on this node, or not any more
    try {
      await node.setLimit(name, await driver.client.node.NodeGetInfo({}));
    } catch (err) {
      log.warn({ err, driver: name }, 'how many volumes the node takes could not be asked');
    }
  }

  close(): void {
    for (const { timer } of this.#asked.values()) timer.cancel();
    this.#asked.clear();
  }
}

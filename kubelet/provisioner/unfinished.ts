// Volumes that a driver was asked for and has not answered for: it may be at them still, or done. When their claim goes
// meanwhile they are asked for to the end, so that their object is there and goes with its data; nobody would know of them
// otherwise. Upstream: ProvisioningInBackground of sig-storage-lib-external-provisioner.
import { status } from '@grpc/grpc-js';
import { isRpcError } from '../../proto/promise-client.ts';
import { isFinal } from '../csi/rpc-outcome.ts';

export class Unfinished {
  readonly #left = new Map<string, { volume: string; make(): Promise<void> }>();

  /** Makes the volume of a claim, by its key; repeatable. */
  async make(claim: string, volume: string, make: () => Promise<void>): Promise<void> {
    this.#left.set(claim, { volume, make });
    try {
      await make();
    } catch (err) {
      const isFull = isRpcError(err) && err.code === status.RESOURCE_EXHAUSTED;
      if (isFull || isFinal(err)) this.#left.delete(claim);
      throw err;
    }
    this.#left.delete(claim);
  }

  /** Ends what was begun for a claim that had that key, unless it is for `volume`. */
  async settle(claim: string, volume?: string): Promise<void> {
    const left = this.#left.get(claim);
    if (left && left.volume !== volume) await this.make(claim, left.volume, left.make);
  }
}

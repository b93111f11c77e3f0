// Tells admission plugins how a request has ended.

import { StatusError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { OnEnd, Outcome } from '../admission/plugin.ts';
import { EtcdUnavailableError } from '../storage/etcd.ts';
import type { WriteOptions } from './context.ts';

/**
 * Throws when who asked is gone, as they may be after a while in admission: they take it for not done, and somebody else
 * may be doing the same by now.
 */
export function refuseGone({ signal }: Pick<WriteOptions, 'signal'>): void {
  if (signal?.aborted) throw new StatusError(499, '', 'the client has gone away before anything was written');
}

export class RequestEnd {
  readonly #wanted: OnEnd[] = [];
  #outcome: Outcome = 'failed';
  #gone: KubeObject | undefined;

  readonly add = (fn: OnEnd): void => void this.#wanted.push(fn);

  /** Something was written; `gone` if that was the end of the object. */
  stored(gone?: KubeObject): void {
    this.#outcome = 'stored';
    this.#gone = gone;
  }

  /** Where etcd did not answer the write may have happened. */
  failed(err: unknown): void {
    this.#outcome = err instanceof EtcdUnavailableError ? 'unknown' : 'failed';
  }

  async tell(): Promise<void> {
    if (this.#wanted.length > 0) await Promise.all(this.#wanted.map((fn) => fn(this.#outcome, this.#gone)));
  }
}

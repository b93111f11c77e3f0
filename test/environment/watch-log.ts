// All that a watch tells of a resource in all namespaces, as the real kubectl streams it: nothing
// between two looks is missed, and nothing has to be asked for again and again.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { realClock } from '../../machinery/clock.ts';
import type { Kubectl } from './kubectl.ts';

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: any;
}

export class WatchLog implements Disposable {
  /** What was told so far, oldest first. */
  readonly entries: WatchEvent[] = [];
  readonly #child: ChildProcess;
  readonly #looks = new Set<() => void>();

  /** Begins with what there is, as added. `path`: `/api/v1/pods`. */
  constructor(kubectl: Kubectl, path: string) {
    const { metadata, items } = JSON.parse(kubectl.get('get', '--raw', path));
    for (const object of items) this.entries.push({ type: 'ADDED', object });
    const query = `watch=true&resourceVersion=${metadata.resourceVersion}`;
    this.#child = kubectl.start(['get', '--raw', `${path}?${query}`]);
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.entries.push(JSON.parse(line));
      for (const look of [...this.#looks]) look();
    });
  }

  /** Looks at every news until `check` is satisfied; false when that takes too long. */
  until(check: () => boolean, timeoutMs = 60_000): Promise<boolean> {
    if (check()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (isSatisfied: boolean) => {
        this.#looks.delete(look);
        timer.cancel();
        resolve(isSatisfied);
      };
      const look = () => {
        if (check()) finish(true);
      };
      const timer = realClock.after(timeoutMs, () => finish(false));
      this.#looks.add(look);
    });
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

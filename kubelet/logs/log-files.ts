// The files of one container's log as a follower sees them: the one it reads, and those that came
// after it by rotation. Each is opened as it appears, so that a follower who is slow still reads
// one that has been removed meanwhile.
import { closeSync, type FSWatcher, fstatSync, openSync, read } from 'node:fs';
import { basename, dirname } from 'node:path';
import { watchFolder } from '../../machinery/watch-folder.ts';

/** What is kept for a slow follower is not kept without end. */
const maxWaitingFiles = 32;

export class LogFiles {
  readonly #path: string;
  #files: { fd: number; ino: number }[] = [];
  #watcher: FSWatcher | undefined;
  #hasChanged = false;
  #wake: () => void = () => undefined;
  #failure: Error | undefined;

  /** Opens the log, and when it is followed what comes after it. */
  constructor(path: string, { follow }: { follow: boolean }) {
    this.#path = path;
    this.look();
    if (follow && this.isThere) {
      this.#watcher = watchFolder(
        dirname(path),
        (event, name) => {
          if (event === 'rename' && name === basename(path)) this.look();
          this.note();
        },
        { persistent: false },
      );
      this.#watcher.on('error', (err) => this.#fail(err));
      // It may have been rotated before there was a watch.
      this.look();
    }
  }

  /** Opens the log if it is another file than the last one. */
  look(): void {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') this.#fail(err as Error);
      return;
    }
    const { ino } = fstatSync(fd);
    const isNew = this.#files.at(-1)?.ino !== ino;
    if (isNew && this.#files.length < maxWaitingFiles) return void this.#files.push({ fd, ino });
    closeSync(fd);
    if (isNew) this.#fail(new Error('the reader is too slow: the log was rotated away'));
  }

  get isThere(): boolean {
    return this.#files.length > 0;
  }

  /** There is a later file: the one that is read will not grow any more. */
  get hasNext(): boolean {
    return this.#files.length > 1;
  }

  get size(): number {
    return fstatSync(this.#files[0]!.fd).size;
  }

  /**
   * Reads from the present file. Rejects when the log cannot be followed any more: what comes next
   * would have a gap.
   */
  read(buffer: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      read(this.#files[0]!.fd, buffer, 0, buffer.length, position, (err, n) => (err ? reject(err) : resolve(n)));
    });
  }

  /** Goes on to the next file. */
  advance(): void {
    closeSync(this.#files.shift()!.fd);
  }

  /** Wakes who waits for a change. */
  note(): void {
    this.#hasChanged = true;
    this.#wake();
  }

  /** Resolves at the next change since the last call. */
  async nextChange(): Promise<void> {
    if (!this.#hasChanged) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#hasChanged = false;
  }

  close(): void {
    this.#watcher?.close();
    for (const { fd } of this.#files.splice(0)) closeSync(fd);
  }

  #fail(err: Error): void {
    this.#failure ??= err;
    this.note();
  }
}

// The pods of a folder of manifests, or of one file. It is read anew whenever something in it changes, and now and
// then, as it may come only later. A file that is no pod any more, half-written perhaps, stands for the pod it was.
// Upstream: pkg/kubelet/config/file.go.
import { closeSync, constants, type FSWatcher, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { watchFolder } from '../../machinery/watch-folder.ts';
import { maxFileBytes, readStaticPod } from './static-pod-file.ts';

export interface StaticPodFolderDeps {
  path: string;
  nodeName: string;
  clock: Clock;
  log: Logger;
  /** Told of all pods whenever they may have changed. */
  onPods(pods: readonly Pod[]): void;
}

/** Upstream: fileCheckFrequency. */
const checkPeriodMs = 20_000;
/** What an editor does to a file is over after so long. */
const settleMs = 100;
const maxFiles = 1000;

export class StaticPodFolder {
  readonly #deps: StaticPodFolderDeps;
  readonly #files = new Map<string, { text: string; pod: Pod | undefined }>();
  #watcher: FSWatcher | undefined;
  #isDue = false;

  constructor(deps: StaticPodFolderDeps) {
    this.#deps = deps;
  }

  /** Tells of what is there now, then of changes until the signal is aborted. */
  start(signal: AbortSignal): void {
    this.#look();
    const timer = this.#deps.clock.every(checkPeriodMs, () => this.#look());
    signal.addEventListener('abort', () => {
      timer.cancel();
      this.#watcher?.close();
    });
  }

  #look(): void {
    const { path, log } = this.#deps;
    try {
      const isFolder = statSync(path).isDirectory();
      this.#watch(isFolder ? path : dirname(path));
      const names = isFolder ? readdirSync(path).filter((name) => !name.startsWith('.')) : [''];
      if (names.length > maxFiles) throw new Error(`more than ${maxFiles} files`);
      this.#readAll(names.sort().map((name) => join(path, name)));
    } catch (err) {
      const isMissing = (err as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isMissing) log.error({ err, path }, 'manifests of static pods could not be read');
      else this.#readAll([]);
    }
  }

  /** Several changes at a time are one. */
  #noteChange(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#deps.clock.after(settleMs, () => {
      this.#isDue = false;
      this.#look();
    });
  }

  #watch(dir: string): void {
    if (this.#watcher) return;
    const watcher = watchFolder(dir, () => this.#noteChange());
    this.#watcher = watcher;
    // A folder that is gone is looked for again.
    watcher.on('error', () => this.#unwatch(watcher));
    watcher.on('change', (event, name) => {
      if (event === 'rename' && name === dir.split('/').pop()) this.#unwatch(watcher);
    });
  }

  #unwatch(watcher: FSWatcher): void {
    watcher.close();
    if (this.#watcher === watcher) this.#watcher = undefined;
  }

  #readAll(files: readonly string[]): void {
    for (const file of this.#files.keys()) if (!files.includes(file)) this.#files.delete(file);
    for (const file of files) this.#read(file);
    const pods = new Map<string, Pod>();
    for (const [file, { pod }] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!pod) continue;
      if (pods.has(keyOf(pod))) this.#deps.log.warn({ file, pod: keyOf(pod) }, 'another file has a pod of this name');
      else pods.set(keyOf(pod), pod);
    }
    this.#deps.onPods([...pods.values()]);
  }

  #read(file: string): void {
    const { nodeName, clock, log } = this.#deps;
    const known = this.#files.get(file);
    let text = '';
    try {
      const found = readBounded(file);
      if (found === undefined || found === known?.text) return;
      text = found;
      this.#files.set(file, { text, pod: readStaticPod(text, { file, nodeName, nowMs: clock.now() }) });
    } catch (err) {
      log.error({ err, file }, 'a manifest of a static pod could not be taken');
      this.#files.set(file, { text, pod: known?.pod });
    }
  }
}

/** The text of a regular file; undefined for a folder. Throws for what is larger than a pod may be, or of another sort. */
function readBounded(file: string): string | undefined {
  // Before it is opened, which does something to a device and waits for the other end of a pipe.
  const stats = statSync(file);
  if (stats.isDirectory()) return undefined;
  if (!stats.isFile()) throw new Error('not a regular file');
  if (stats.size > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`);
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // Not cleared: all files are read each time one changes.
    const bytes = Buffer.allocUnsafe(maxFileBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length <= maxFileBytes; length += read)
      read = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

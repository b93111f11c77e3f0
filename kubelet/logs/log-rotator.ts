// Keeps container logs from growing without end: a log over its size is renamed, the runtime opens a new one, and only so many old ones are
// kept. Looked at every ten seconds, as a watch would wake with every line. Upstream: pkg/kubelet/logs/container_log_manager.go.
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';

export interface LogRotatorOptions {
  cri: CriClient;
  clock: Clock;
  log: Logger;
  /** The containers that run now. */
  running(): readonly ContainerStatus[];
  maxBytes?: number;
  /** Files of one container, the one being written included. */
  maxFiles?: number;
}

const periodMs = 10_000;
const defaultMaxBytes = 10 << 20;
const defaultMaxFiles = 5;

export function startLogRotation(options: LogRotatorOptions): void {
  let isBusy = false;
  options.clock.every(periodMs, async () => {
    if (isBusy) return;
    isBusy = true;
    for (const container of options.running()) {
      await rotateIfLarge(options, container).catch((err) => {
        options.log.warn({ err, container: container.id }, 'a log could not be rotated');
      });
    }
    isBusy = false;
  });
}

/** Rotates the log of a container when it has grown too large. Answers whether it has. */
export async function rotateIfLarge(
  options: LogRotatorOptions,
  { id, log_path: path }: ContainerStatus,
): Promise<boolean> {
  const size = await sizeOf(path);
  if (size === undefined) {
    // Killed between renaming and reopening: it writes where nobody looks.
    await options.cri.runtime.ReopenContainerLog({ container_id: id });
    return true;
  }
  if (size <= (options.maxBytes ?? defaultMaxBytes)) return false;
  const stamp = new Date(options.clock.now())
    .toISOString()
    .replace(/[-:]|\.\d+Z/g, '')
    .replace('T', '-');
  const rotated = `${path}.${stamp}`;
  await rename(path, rotated);
  try {
    await options.cri.runtime.ReopenContainerLog({ container_id: id });
  } catch (err) {
    // It goes on writing into the old file, which gets its name back.
    await rename(rotated, path);
    throw err;
  }
  await removeOldest(path, (options.maxFiles ?? defaultMaxFiles) - 1);
  return true;
}

/** Undefined when there is no such file. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return path === '' ? 0 : (await stat(path)).size;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
}

async function removeOldest(path: string, keep: number): Promise<void> {
  const prefix = `${basename(path)}.`;
  const rotated = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix)).sort();
  for (const name of rotated.slice(0, Math.max(0, rotated.length - keep)))
    await rm(join(dirname(path), name), { force: true });
}

/** Removes the log of a container that is no more, with what was rotated out of it. */
export async function removeLog(path: string): Promise<void> {
  if (path === '') return;
  await removeOldest(path, 0).catch((err) => {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
  });
  await rm(path, { force: true });
}

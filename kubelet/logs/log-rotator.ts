// Keeps container logs from growing without end: a log over its size is renamed, the runtime opens
// a new one, and only so many old ones are kept. Looked at every second, as a watch would wake with
// every line, and in upstream's ten seconds a flood fills gigabytes. Upstream:
// pkg/kubelet/logs/container_log_manager.go.
import { statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { removeRotated, tidyRotated } from './rotated-logs.ts';

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

/** No less: a rotated log is called by its second. */
const periodMs = 1_000;
export const defaultMaxBytes = 10 << 20;
export const defaultMaxFiles = 5;

export function startLogRotation(options: LogRotatorOptions): void {
  let isBusy = false;
  const tidy = createTidier(options);
  options.clock.every(periodMs, async () => {
    if (isBusy) return;
    isBusy = true;
    for (const container of options.running()) {
      try {
        if (await rotateIfLarge(options, container)) tidy(container.log_path);
      } catch (err) {
        options.log.warn({ err, container: container.id }, 'a log could not be rotated');
      }
    }
    isBusy = false;
  });
}

/** Tidies up behind rotation, one log at a time: compressing takes longer than filling the next file may. */
function createTidier({ maxFiles = defaultMaxFiles, log }: LogRotatorOptions): (path: string) => void {
  const waiting = new Set<string>();
  let isBusy = false;
  const run = async () => {
    isBusy = true;
    for (const path of waiting) {
      waiting.delete(path);
      await tidyRotated(path, maxFiles - 1).catch((err) =>
        log.warn({ err, path }, 'rotated logs could not be tidied up'),
      );
    }
    isBusy = false;
  };
  return (path) => {
    waiting.add(path);
    if (!isBusy) void run();
  };
}

/** Rotates the log of a container when it has grown too large. Answers whether it has. */
export async function rotateIfLarge(
  options: LogRotatorOptions,
  { id, log_path: path }: ContainerStatus,
): Promise<boolean> {
  const size = sizeOf(path);
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
  return true;
}

/** Undefined when there is no such file. */
function sizeOf(path: string): number | undefined {
  return path === '' ? 0 : statSync(path, { throwIfNoEntry: false })?.size;
}

/** Removes the log of a container that is no more, with what was rotated out of it. */
export async function removeLog(path: string): Promise<void> {
  if (path === '') return;
  await removeRotated(path);
  await rm(path, { force: true });
}

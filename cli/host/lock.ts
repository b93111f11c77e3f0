// Locks between k8ts commands: flock(2) on a file in a folder that only root may enter, so that no other user can take
// one. The kernel lets go of it when the process that holds it ends, however that happens.

import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ifThereSync } from '../../host/if-there.ts';
import { realClock } from '../../machinery/clock.ts';
import { UserError } from '../user-error.ts';
import { makePrivate } from './files.ts';

/** Exists while a lock is held; the last holder removes it. */
const locksFolder = '/run/k8ts.lock';

/** The lock of everything that clusters share: the choice of slots, the host's forwarding. */
export const machineLock = 'this machine';

/** Runs `body` while holding the lock called `name`. Waits up to `waitMs` for another holder. */
export async function withLock<T>(
  name: string,
  waitMs: number,
  body: () => Promise<T>,
  folder = locksFolder,
): Promise<T> {
  const file = join(folder, name);
  const held = await take(file, { folder, waitMs });
  if (held === undefined) {
    throw new UserError(`another k8ts command is at work on ${name}`, { hint: 'Wait for it to end, then try again.' });
  }
  try {
    return await body();
  } finally {
    rmSync(file, { force: true }); // while it is held: who waits for it sees that, and makes a new one
    closeSync(held);
    ifThereSync(() => rmdirSync(folder), 'ENOTEMPTY');
  }
}

/** The open file that is the lock, or undefined when another still holds it after `waitMs`. */
async function take(file: string, { folder, waitMs }: { folder: string; waitMs: number }): Promise<number | undefined> {
  const deadline = realClock.monotonicMs() + waitMs;
  for (;;) {
    const fd = openLockFile(file, folder);
    if (fd === undefined) continue;
    const leftMs = Math.max(0, deadline - realClock.monotonicMs());
    const isLocked = await flock(fd, leftMs).catch((err) => {
      closeSync(fd);
      throw err;
    });
    if (isLocked && fstatSync(fd).ino === statSync(file, { throwIfNoEntry: false })?.ino) return fd;
    closeSync(fd);
    if (!isLocked) return undefined;
  }
}

/** Undefined when the last holder has just removed the folder. */
function openLockFile(file: string, folder: string): number | undefined {
  makePrivate(folder);
  return ifThereSync(() => openSync(file, 'a', 0o600));
}

// Node has no flock(2), but the lock belongs to the open file, not to the process that asked for it: it stays ours when
// flock(1) has ended.
function flock(fd: number, waitMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const wait = ['--wait', (waitMs / 1000).toFixed(3)];
    const child = spawn('flock', [...wait, '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0 || code === 1) resolve(code === 0);
      else reject(new Error(`flock: exit code ${code}`));
    });
  });
}

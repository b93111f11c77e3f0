// Locks between k8ts commands. A lock is a listening socket in Linux' abstract namespace: it leaves no file, and the
// kernel lets go of it when the process that holds it ends, however that happens.
import { createServer, type Server } from 'node:net';
import { realClock } from '../../machinery/clock.ts';
import { errnoOf, UserError } from '../user-error.ts';

const retryMs = 20;

/** Runs `body` while holding the lock called `name`. Waits up to `waitMs` for another holder. */
export async function withLock<T>(name: string, waitMs: number, body: () => Promise<T>): Promise<T> {
  const deadline = realClock.monotonicMs() + waitMs;
  let lock = await tryLock(name);
  while (!lock) {
    if (realClock.monotonicMs() > deadline) {
      throw new UserError(`another k8ts command is at work on ${name}`, {
        hint: 'Wait for it to end, then try again.',
      });
    }
    await realClock.sleep(retryMs);
    lock = await tryLock(name);
  }
  try {
    return await body();
  } finally {
    lock.close();
  }
}

/** The lock of everything that clusters share: the choice of slots, the host's forwarding. */
export const machineLock = 'this machine';

function tryLock(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (err) => (errnoOf(err) === 'EADDRINUSE' ? resolve(undefined) : reject(err)));
    server.listen(`\0k8ts/${name}`, () => resolve(server));
  });
}

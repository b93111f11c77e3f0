// The cluster's own storage on this node: its driver, and what makes volumes with it for claims.
import { join } from 'node:path';
import type { ClientConfig } from '../client/config.ts';
import type { Mounts } from '../host/mounts.ts';
import type { ComponentContext } from '../machinery/component.ts';
import { NodeStorage } from './csi/node-storage.ts';
import { startDriver } from './hostpath-driver/driver.ts';
import { kubeletVersion } from './node/node-status.ts';
import { startProvisioner } from './provisioner/provisioner.ts';

export interface OwnStorageOptions {
  /** As whom volumes are made. */
  api: ClientConfig;
  /** Where they lie. */
  dir: string;
  rootDir: string;
  nodeName: string;
}

const retryMs = 5_000;
const registrationMs = 10_000;

/** Resolves when the driver can be used, or when that takes long: pods without such volumes do not wait for it. */
export async function startOwnStorage(
  { api, dir, rootDir, nodeName }: OwnStorageOptions,
  { mounts, ...context }: Pick<ComponentContext, 'clock' | 'random' | 'log' | 'signal'> & { mounts: Mounts },
): Promise<void> {
  const { clock, log, signal } = context;
  const begin = async () => {
    const driver = await startDriver({
      dir,
      socketDir: join(rootDir, 'plugins'),
      registryDir: NodeStorage.registryDirOf(rootDir),
      nodeName,
      version: kubeletVersion,
      mounts,
      clock,
      log,
    });
    signal.addEventListener('abort', () => driver.stop());
    const stop = await startProvisioner({ api, socket: driver.socket, nodeName }, context);
    signal.addEventListener('abort', stop);
    return driver;
  };
  const keepTrying = async () => {
    while (!signal.aborted) {
      try {
        await (await begin()).registered;
        return;
      } catch (err) {
        log.error({ err, dir }, 'the storage of this node could not be started; trying again');
        await clock.sleep(retryMs, signal).catch(() => undefined); // aborted: the loop ends by itself
      }
    }
  };
  await Promise.race([keepTrying(), clock.sleep(registrationMs, signal).catch(() => undefined)]);
}

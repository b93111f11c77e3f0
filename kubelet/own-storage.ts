// The cluster's own storage on this node: its driver, and what makes volumes with it for claims.

import { join } from 'node:path';
import type { ClientConfig } from '../client/config.ts';
import type { Mounts } from '../host/mounts.ts';
import type { ComponentContext } from '../machinery/component.ts';
import { NodeStorage } from './csi/node-storage.ts';
import { startDriver } from './hostpath-driver/driver.ts';
import { keepTrying } from './keep-trying.ts';
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
  const patience = {
    clock,
    signal,
    delayMs: retryMs,
    onFailure: (err: unknown) => log.error({ err, dir }, 'the storage of this node could not be started; trying again'),
  };
  const begin = async () => {
    const options = {
      dir,
      socketDir: join(rootDir, 'plugins'),
      registryDir: NodeStorage.registryDirOf(rootDir),
      nodeName,
      version: kubeletVersion,
      mounts,
      clock,
      log,
    };
    const driver = await keepTrying(() => startDriver(options), patience);
    signal.addEventListener('abort', () => driver.stop());
    // By itself: a second driver would have the same folders.
    const provisioner = { api, socket: driver.socket, nodeName };
    signal.addEventListener('abort', await keepTrying(() => startProvisioner(provisioner, context), patience));
    await driver.registered;
  };
  // Who ends meanwhile waits no longer.
  await Promise.race([begin(), clock.sleep(registrationMs, signal)]).catch(() => undefined);
}

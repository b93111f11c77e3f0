// Finds plugins by their sockets in a folder, asks each who it is, and has it taken on or dropped.
// A socket that was replaced is a plugin that has started anew. Upstream: pkg/kubelet/pluginmanager.

import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { watchFolder } from '../../machinery/watch-folder.ts';
import { connectRegistration } from '../../proto/csi-client.ts';
import { WakeLoop } from '../pods/wake-loop.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import type { CsiDrivers } from './drivers.ts';

export interface PluginWatcherDeps {
  dir: string;
  drivers: Pick<CsiDrivers, 'register' | 'unregister'>;
  clock: Clock;
  log: Logger;
}

interface Known {
  /** Tells a socket from the next one at its place. */
  stamp: string;
  name: string;
}

export class PluginWatcher {
  readonly #deps: PluginWatcherDeps;
  readonly #known = new Map<string, Known>();
  readonly #loop: WakeLoop;

  constructor(deps: PluginWatcherDeps) {
    this.#deps = deps;
    this.#loop = new WakeLoop({
      clock: deps.clock,
      run: () => this.#scan(),
      onFailure: (err, delayMs) => deps.log.warn({ err, delayMs }, 'not every plugin is taken on; trying again'),
    });
  }

  /** Resolves when the folder is watched; plugins are taken on beside it. */
  async start(signal: AbortSignal): Promise<void> {
    const { dir } = this.#deps;
    await mkdir(dir, { recursive: true, mode: 0o750 });
    const watcher = watchFolder(dir, () => this.#loop.wake(), { persistent: false });
    watcher.on('error', (err) => this.#deps.log.warn({ err }, 'the folder of plugins is watched no longer'));
    signal.addEventListener('abort', () => {
      watcher.close();
      this.#loop.stop();
    });
    this.#loop.wake();
  }

  /** Throws when a plugin has to be tried again. */
  async #scan(): Promise<void> {
    const sockets = await this.#list();
    for (const [socket, { name }] of this.#known) {
      if (sockets.has(socket)) continue;
      await this.#deps.drivers.unregister(name);
      this.#known.delete(socket);
    }
    let failure: Error | undefined;
    for (const [socket, stamp] of sockets) {
      const known = this.#known.get(socket);
      if (known?.stamp === stamp) continue;
      try {
        const name = await this.#take(socket);
        this.#known.set(socket, { stamp, name });
        // Another one stood there.
        if (known && known.name !== name) await this.#deps.drivers.unregister(known.name);
      } catch (err) {
        failure = new Error(`${socket}: ${describeRpcError(err)}`, { cause: err });
      }
    }
    if (failure) throw failure;
  }

  async #list(): Promise<Map<string, string>> {
    const { dir } = this.#deps;
    const found = new Map<string, string>();
    for (const name of await readdir(dir)) {
      const path = join(dir, name);
      const stats = await stat(path).catch(() => undefined); // gone by now
      if (stats?.isSocket() && !name.startsWith('.')) found.set(path, `${stats.ino} ${stats.mtimeMs}`);
    }
    return found;
  }

  /** Answers the driver's name. */
  async #take(socket: string): Promise<string> {
    const registration = connectRegistration(socket);
    try {
      const { type, name, endpoint, supported_versions } = await registration.GetInfo({});
      try {
        if (type !== 'CSIPlugin')
          throw new Error(`plugins of type ${JSON.stringify(type)} are not supported by this kubelet`);
        await this.#deps.drivers.register(name, endpoint || socket, supported_versions);
      } catch (err) {
        await registration.NotifyRegistrationStatus({ plugin_registered: false, error: describeRpcError(err) });
        throw err;
      }
      // Dropped with its socket, also when it cannot be told.
      this.#known.set(socket, { stamp: '', name });
      await registration.NotifyRegistrationStatus({ plugin_registered: true });
      this.#deps.log.info({ type, name }, 'plugin registered');
      return name;
    } finally {
      registration.close();
    }
  }
}

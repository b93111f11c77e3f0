// Finds plugins by their sockets in a folder, asks each who it is, and has it taken on or dropped.
// A socket that was replaced is a plugin that has started anew. Upstream: pkg/kubelet/pluginmanager.

import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import { KeyedLock } from '../../machinery/keyed-lock.ts';
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

/** A socket, tried and tried again by itself: one whose plugin hangs holds up no other. */
interface Place {
  loop: WakeLoop;
  /** Of the socket whose plugin is taken on. */
  stamp?: string | undefined;
  /** Of the plugin that was taken on last. */
  name?: string;
}

export class PluginWatcher {
  readonly #deps: PluginWatcherDeps;
  readonly #places = new Map<string, Place>();
  readonly #scans: WakeLoop;
  readonly #lock = new KeyedLock();

  constructor(deps: PluginWatcherDeps) {
    this.#deps = deps;
    this.#scans = new WakeLoop({
      clock: deps.clock,
      run: () => this.#scan(),
      onFailure: (err, delayMs) => deps.log.warn({ err, delayMs }, 'plugins could not be looked for; trying again'),
    });
  }

  /** Resolves when the folder is watched; plugins are taken on beside it. */
  async start(signal: AbortSignal): Promise<void> {
    const { dir } = this.#deps;
    await mkdir(dir, { recursive: true, mode: 0o750 });
    const watcher = watchFolder(dir, () => this.#scans.wake(), { persistent: false });
    watcher.on('error', (err) => this.#deps.log.warn({ err }, 'the folder of plugins is watched no longer'));
    signal.addEventListener('abort', () => {
      watcher.close();
      this.#scans.stop();
      for (const { loop } of this.#places.values()) loop.stop();
    });
    this.#scans.wake();
  }

  async #scan(): Promise<void> {
    for (const socket of await this.#list())
      if (!this.#places.has(socket)) this.#places.set(socket, this.#placeOf(socket));
    for (const { loop } of this.#places.values()) loop.wake();
  }

  async #list(): Promise<string[]> {
    const { dir } = this.#deps;
    const found: string[] = [];
    for (const name of await readdir(dir)) {
      const path = join(dir, name);
      if (!name.startsWith('.') && (await stampOf(path))) found.push(path);
    }
    return found;
  }

  #placeOf(socket: string): Place {
    const { clock, log } = this.#deps;
    const loop = new WakeLoop({
      clock,
      run: () => this.#keep(socket, place),
      onFailure: (err, delayMs) => log.warn({ err, socket, delayMs }, 'a plugin is not taken on; trying again'),
    });
    const place: Place = { loop };
    return place;
  }

  /** Takes on what is at a place, or drops what was. Throws when that has to be tried again. */
  async #keep(socket: string, place: Place): Promise<void> {
    const stamp = await stampOf(socket);
    if (stamp && stamp === place.stamp) return;
    const before = place.name;
    if (stamp) await this.#take(socket, place, stamp);
    if (before !== undefined && !(stamp && before === place.name)) await this.#drop(before, place);
    if (stamp) return;
    this.#places.delete(socket);
    place.loop.stop();
    this.#scans.wake(); // another one may stand there by now
  }

  async #drop(name: string, from: Place): Promise<void> {
    await this.#lock.run(name, async () => {
      await this.#deps.drivers.unregister(name);
      // One that has come by another socket too is taken on anew.
      for (const place of this.#places.values()) {
        if (place === from || place.name !== name) continue;
        place.stamp = undefined;
        place.loop.wake();
      }
    });
  }

  async #take(socket: string, place: Place, stamp: string): Promise<void> {
    const registration = connectRegistration(socket);
    try {
      const { type, name, endpoint, supported_versions } = await registration.GetInfo({});
      try {
        if (type !== 'CSIPlugin')
          throw new Error(`plugins of type ${JSON.stringify(type)} are not supported by this kubelet`);
        await this.#lock.run(name, async () => {
          await this.#deps.drivers.register(name, endpoint || socket, supported_versions);
          Object.assign(place, { name, stamp });
        });
      } catch (err) {
        await registration.NotifyRegistrationStatus({ plugin_registered: false, error: describeRpcError(err) });
        throw err;
      }
      try {
        await registration.NotifyRegistrationStatus({ plugin_registered: true });
      } catch (err) {
        place.stamp = undefined; // it is to be told all the same
        throw err;
      }
      this.#deps.log.info({ type, name }, 'plugin registered');
    } finally {
      registration.close();
    }
  }
}

/** Tells a socket from the next one at its place; undefined where none is. */
async function stampOf(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined); // gone by now
  return stats?.isSocket() ? `${stats.ino} ${stats.mtimeMs}` : undefined;
}

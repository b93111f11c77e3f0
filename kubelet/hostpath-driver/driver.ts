// The cluster's own storage driver: volumes are folders on the node's disk. It is spoken to through
// sockets, as any driver, although the kubelet's process serves it: one process less that rests.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Server, status } from '@grpc/grpc-js';
import type { Mounts } from '../../host/mounts.ts';
import type { Clock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import type { ControllerMethods, IdentityMethods, NodeMethods } from '../../proto/csi.gen.ts';
import { controllerService, identityService, nodeService, registrationService } from '../../proto/csi-client.ts';
import type { RegistrationMethods } from '../../proto/plugin-registration.gen.ts';
import { addUnaryService, listenOnSocket, RpcError } from '../../proto/unary-server.ts';
import { controllerHandlers } from './controller.ts';
import { driverName, identityHandlers } from './identity.ts';
import { nodeHandlers } from './node.ts';
import { VolumeStore } from './volume-store.ts';

export interface DriverOptions {
  /** Where the volumes lie. */
  dir: string;
  /** Folder for its socket, and the folder in which it makes itself known. */
  socketDir: string;
  registryDir: string;
  nodeName: string;
  version: string;
  mounts: Mounts;
  clock: Clock;
  log: Logger;
}

export async function startDriver(options: DriverOptions) {
  const { dir, nodeName, version, mounts, clock, log } = options;
  const store = new VolumeStore(dir, { mounts, log });
  await store.clear();
  const isPublished = (id: string) => mounts.isShown(store.volumes.dataOf(id));
  const translate = (rpc: string, err: unknown) => {
    if (err instanceof RpcError) return { code: err.code, details: err.message };
    log.warn({ err, rpc }, 'call of the storage driver failed');
    return { code: status.INTERNAL, details: messageOf(err) };
  };
  const server = new Server();
  const controller = controllerHandlers({ store, dir, nodeName, clock, isPublished });
  addUnaryService<IdentityMethods>(server, identityService, { handlers: identityHandlers(version), translate });
  addUnaryService<ControllerMethods>(server, controllerService, { handlers: controller, translate });
  const node = nodeHandlers({ store, mounts, nodeName, clock });
  addUnaryService<NodeMethods>(server, nodeService, { handlers: node, translate });
  const socket = join(options.socketDir, driverName, 'csi.sock');
  await mkdir(dirname(socket), { recursive: true, mode: 0o750 });
  await listenOnSocket(server, socket);
  const registration = new Server();
  const registered = new Promise<void>((resolve) => {
    addUnaryService<RegistrationMethods>(registration, registrationService, {
      handlers: {
        GetInfo: async () => ({ type: 'CSIPlugin', name: driverName, endpoint: socket, supported_versions: ['1.0.0'] }),
        NotifyRegistrationStatus: async ({ plugin_registered, error }) => {
          if (plugin_registered) resolve();
          else log.warn({ reason: error }, 'the storage driver is not registered yet');
          return {};
        },
      },
      translate,
    });
  });
  await mkdir(options.registryDir, { recursive: true, mode: 0o750 });
  await listenOnSocket(registration, join(options.registryDir, `${driverName}-reg.sock`));
  return {
    socket,
    /** Resolves when a kubelet has taken it; one that refuses asks again. */
    registered,
    stop() {
      for (const one of [server, registration]) one.forceShutdown();
    },
  };
}

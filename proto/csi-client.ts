// A typed promise client of a storage driver, and of a plugin that makes itself known.
import { type ControllerMethods, descriptor, type IdentityMethods, type NodeMethods } from './csi.gen.ts';
import { defineService } from './message.ts';
import { type RegistrationMethods, descriptor as registrationDescriptor } from './plugin-registration.gen.ts';
import { openClient, type PromiseClient, promiseClient } from './promise-client.ts';

export const identityService = defineService(descriptor, 'csi.v1.Identity');
export const controllerService = defineService(descriptor, 'csi.v1.Controller');
export const nodeService = defineService(descriptor, 'csi.v1.Node');
export const registrationService = defineService(registrationDescriptor, 'pluginregistration.Registration');

export interface CsiClient {
  identity: PromiseClient<IdentityMethods>;
  controller: PromiseClient<ControllerMethods>;
  node: PromiseClient<NodeMethods>;
  close(): void;
}

/** A driver that hangs must not hold up its callers. */
const csiTimeoutMs = 120_000;
const registrationTimeoutMs = 10_000;

/** Opens a client of a driver. Connecting happens on the first call, and again by itself. */
export function connectCsi(socketPath: string): CsiClient {
  const services = [identityService, controllerService, nodeService] as const;
  const [identity, controller, node] = services.map((service) => openClient(service, socketPath)) as [
    ReturnType<typeof openClient>,
    ReturnType<typeof openClient>,
    ReturnType<typeof openClient>,
  ];
  const timeoutOf = () => csiTimeoutMs;
  return {
    identity: promiseClient(identity, identityService, timeoutOf),
    controller: promiseClient(controller, controllerService, timeoutOf),
    node: promiseClient(node, nodeService, timeoutOf),
    close: () => {
      for (const client of [identity, controller, node]) client.close();
    },
  };
}

export function connectRegistration(socketPath: string): PromiseClient<RegistrationMethods> & { close(): void } {
  const client = openClient(registrationService, socketPath);
  const calls = promiseClient<RegistrationMethods>(client, registrationService, () => registrationTimeoutMs);
  return { ...calls, close: () => client.close() };
}

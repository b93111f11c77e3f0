// Types and service definitions over the generated descriptors, shared by gRPC servers and clients.
// A decoded message is complete: absent messages are null, lists and maps are empty, 64-bit integers are decimal
// strings and enums are their names. A message to be sent may leave out whatever is zero (`Init`).
import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/** What may be passed where a `T` is sent: every field optional, at any depth. */
export type Init<T> = T extends Uint8Array
  ? T
  : T extends (infer Item)[]
    ? Init<Item>[]
    : T extends object
      ? { [K in keyof T]?: Init<T[K]> }
      : T;

/** One line of a generated `...Methods` interface. */
export interface MethodTypes {
  request: unknown;
  response: unknown;
  clientStream: boolean;
  serverStream: boolean;
}

const codecOptions = { keepCase: true, longs: String, enums: String, bytes: Buffer, defaults: true } as const;

/** The definition of a service by its full name, for `server.addService` and `makeGenericClientConstructor`. */
export function defineService(descriptor: object, fullName: string): ServiceDefinition {
  const definition = fromJSON(descriptor, codecOptions)[fullName];
  if (!definition || 'format' in definition) throw new Error(`the descriptor has no service ${fullName}`);
  return definition as ServiceDefinition;
}

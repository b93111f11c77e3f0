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

// Field types of the interface language as they are decoded.
interface Scalars {
  string: string;
  bytes: Uint8Array;
  bool: boolean;
  double: number;
  float: number;
  int32: number;
  uint32: number;
  int64: string;
  uint64: string;
}

type Named<Scope, Name> = Name extends keyof Scalars
  ? Scalars[Name]
  : Name extends keyof Scope
    ? Declared<Scope, Scope[Name]>
    : never;

type Field<Scope, F> = F extends { keyType: string; type: infer T }
  ? Record<string, Named<Scope, T>>
  : F extends { rule: 'repeated'; type: infer T }
    ? Named<Scope, T>[]
    : F extends { type: infer T }
      ? Named<Scope, T> | (Named<Scope, T> extends Scalars[keyof Scalars] ? never : null)
      : never;

/** The type of a message or an enum that a descriptor declares; `Scope` has what names may stand for beside it. */
export type Declared<Scope, D> = D extends { values: infer V }
  ? keyof V
  : D extends { fields: infer F }
    ? { -readonly [K in keyof F]: Field<D extends { nested: infer N } ? Scope & N : Scope, F[K]> }
    : never;

/** The calls of a service that a descriptor declares. */
export type Methods<Scope, S extends { methods: object }> = {
  [K in keyof S['methods']]: S['methods'][K] extends { requestType: infer Q; responseType: infer A }
    ? {
        request: Named<Scope, Q>;
        response: Named<Scope, A>;
        clientStream: S['methods'][K] extends { requestStream: true } ? true : false;
        serverStream: S['methods'][K] extends { responseStream: true } ? true : false;
      }
    : never;
};

/** One call of `Methods`. */
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

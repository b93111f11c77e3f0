// What gRPC servers on unix sockets share: errors with a code, calls as promises, a socket that only root may open.
import { chmodSync, rmSync } from 'node:fs';
import {
  type Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Init, MethodTypes } from './message.ts';

export class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RpcError';
    this.code = code;
  }
}

/** The handlers of a service's calls without streams; those that are left out answer UNIMPLEMENTED. */
export type UnaryHandlers<T> = {
  [K in keyof T]?: T[K] extends MethodTypes
    ? (request: T[K]['request'], signal: AbortSignal) => Promise<Init<T[K]['response']>>
    : never;
};

/** What goes over the wire for something thrown. */
type Translate = (rpc: string, err: unknown) => { code: number; details: string };

export function addUnaryService<T>(
  server: Server,
  definition: ServiceDefinition,
  { handlers, translate }: { handlers: UnaryHandlers<T>; translate: Translate },
): void {
  const served = Object.entries(handlers).map(([name, handler]) => [
    name,
    serveUnary(name, handler as UnaryHandler, translate),
  ]);
  server.addService(definition, Object.fromEntries(served));
}

export type UnaryHandler = (request: unknown, signal: AbortSignal) => Promise<unknown>;

/** One call: the signal aborts when the caller gives up. */
export function serveUnary(name: string, handler: UnaryHandler, translate: Translate) {
  return async (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => {
    const abort = new AbortController();
    call.once('cancelled', () => abort.abort(new RpcError(status.CANCELLED, 'the caller gave up')));
    try {
      done(null, await handler(call.request, abort.signal));
    } catch (err) {
      done(translate(name, err));
    }
  };
}

/** Begins to serve on a unix socket that only root may open. */
export async function listenOnSocket(server: Server, socketPath: string): Promise<void> {
  // A socket of a killed server is in the way.
  rmSync(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (err) =>
      err ? reject(err) : resolve(),
    );
  });
  chmodSync(socketPath, 0o600);
}

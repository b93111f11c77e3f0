// Services as promises, over a unix socket: what the clients of the container runtime and of storage drivers share.
import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { realClock } from '../machinery/clock.ts';
import type { Init, MethodTypes } from './message.ts';

export interface CallSettings {
  /** Cancels the call; it then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** The call's deadline from now on. Without it a call waits as long as it takes. */
  timeoutMs?: number;
}

type MethodsOf<T> = { [K in keyof T]: T[K] extends MethodTypes ? T[K] : never };

/** A service as promises; server streams are async iterables that end the call when left. */
export type PromiseClient<T> = {
  [K in keyof MethodsOf<T>]: MethodsOf<T>[K]['serverStream'] extends true
    ? (request: Init<MethodsOf<T>[K]['request']>, settings?: CallSettings) => AsyncIterable<MethodsOf<T>[K]['response']>
    : (request: Init<MethodsOf<T>[K]['request']>, settings?: CallSettings) => Promise<MethodsOf<T>[K]['response']>;
};

// Lists of a full node exceed gRPC's default of 4 MiB.
const channelOptions = { 'grpc.max_receive_message_length': 16 << 20, 'grpc.default_authority': 'localhost' };

/** Opens a client of one service. Connecting happens on the first call, and again by itself. */
export function openClient(definition: ServiceDefinition, socketPath: string): Client {
  const Constructor = makeGenericClientConstructor(definition, 'client');
  return new Constructor(`unix:${socketPath}`, credentials.createInsecure(), channelOptions);
}

/** Whether an error came from a call, and with which gRPC code (`status.NOT_FOUND`, ...). Those of the API have details too, no text. */
export function isRpcError(err: unknown): err is ServiceError {
  return err instanceof Error && 'code' in err && 'details' in err && typeof err.details === 'string';
}

/** `timeoutOf` says how long a call may take that names no time itself. */
export function promiseClient<T>(
  client: Client,
  definition: ServiceDefinition,
  timeoutOf: (name: string, request: object) => number | undefined,
): PromiseClient<T> {
  const out: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition)) {
    out[name] = method.responseStream
      ? (request: object, settings: CallSettings = {}) => streamCall(client, name, request, settings)
      : (request: object, settings: CallSettings = {}) => {
          const timeoutMs = settings.timeoutMs ?? timeoutOf(name, request);
          return unaryCall(client, name, request, timeoutMs === undefined ? settings : { ...settings, timeoutMs });
        };
  }
  return out as PromiseClient<T>;
}

export const optionsOf = (settings: CallSettings): CallOptions =>
  // grpc-js measures deadlines itself; Infinity is its "none".
  settings.timeoutMs === undefined ? {} : { deadline: new Date(realClock.now() + settings.timeoutMs) };

function unaryCall(client: Client, name: string, request: object, settings: CallSettings): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { signal } = settings;
    if (signal?.aborted) return reject(signal.reason);
    const done = (err: ServiceError | null, response?: unknown) => {
      signal?.removeEventListener('abort', cancel);
      if (err) reject(signal?.aborted ? signal.reason : err);
      else resolve(response);
    };
    const method = (client as unknown as Record<string, (...args: unknown[]) => { cancel(): void }>)[name]!;
    const call = method.call(client, request, new Metadata(), optionsOf(settings), done);
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

async function* streamCall(client: Client, name: string, request: object, settings: CallSettings) {
  settings.signal?.throwIfAborted();
  const method = (client as unknown as Record<string, (...args: unknown[]) => ClientReadableStream<unknown>>)[name]!;
  const call = method.call(client, request, new Metadata(), optionsOf(settings));
  const cancel = () => call.cancel();
  settings.signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of call) yield message;
  } catch (err) {
    throw settings.signal?.aborted ? settings.signal.reason : err;
  } finally {
    settings.signal?.removeEventListener('abort', cancel);
    // A cancelled stream reports an error nobody waits for any more.
    call.on('error', () => undefined);
    call.cancel();
  }
}

// A typed promise client of a container runtime, for the kubelet and the command line.
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
import type { ImageServiceMethods, RuntimeServiceMethods, StopContainerRequest } from './cri.gen.ts';
import { imageServiceDefinition, imagesServiceDefinition, runtimeServiceDefinition } from './cri-services.ts';
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

export interface CriClient {
  runtime: PromiseClient<RuntimeServiceMethods>;
  images: PromiseClient<ImageServiceMethods>;
  /** Sends an image archive in pieces and answers the names of the images in it. Only our own runtime has this. */
  importArchive(pieces: AsyncIterable<Uint8Array>, settings?: CallSettings): Promise<string[]>;
  close(): void;
}

// Lists of a full node exceed gRPC's default of 4 MiB.
const channelOptions = { 'grpc.max_receive_message_length': 16 << 20, 'grpc.default_authority': 'localhost' };

export interface CriClientOptions {
  /**
   * Deadline of every call that names none and does not last as long as work of others: a runtime
   * that hangs must not hold up its callers.
   */
  timeoutMs?: number;
}

/** How long a call may take by default. Commands and pulls take their time; a stop takes the container's. */
function defaultTimeoutMs(name: string, request: object, { timeoutMs }: CriClientOptions): number | undefined {
  if (timeoutMs === undefined || name === 'ExecSync' || name === 'PullImage') return undefined;
  return name === 'StopContainer'
    ? timeoutMs + Number((request as Partial<StopContainerRequest>).timeout ?? 0) * 1000
    : timeoutMs;
}

/** Opens a client. Connecting happens on the first call, and again by itself after the runtime restarted. */
export function connectCri(socketPath: string, options: CriClientOptions = {}): CriClient {
  const open = (definition: ServiceDefinition) =>
    new (makeGenericClientConstructor(definition, 'cri'))(
      `unix:${socketPath}`,
      credentials.createInsecure(),
      channelOptions,
    );
  const runtime = open(runtimeServiceDefinition);
  const images = open(imageServiceDefinition);
  const imports = open(imagesServiceDefinition);
  return {
    runtime: promiseClient(runtime, runtimeServiceDefinition, options) as PromiseClient<RuntimeServiceMethods>,
    images: promiseClient(images, imageServiceDefinition, options) as PromiseClient<ImageServiceMethods>,
    importArchive: (pieces, settings = {}) => importArchive(imports, pieces, settings),
    close: () => {
      for (const client of [runtime, images, imports]) client.close();
    },
  };
}

/** Whether an error came from a call, and with which gRPC code (`status.NOT_FOUND`, ...). */
export function isRpcError(err: unknown): err is ServiceError {
  return err instanceof Error && typeof (err as ServiceError).code === 'number' && 'details' in err;
}

function promiseClient(client: Client, definition: ServiceDefinition, options: CriClientOptions): object {
  const out: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition)) {
    out[name] = method.responseStream
      ? (request: object, settings: CallSettings = {}) => streamCall(client, name, request, settings)
      : (request: object, settings: CallSettings = {}) => {
          const timeoutMs = settings.timeoutMs ?? defaultTimeoutMs(name, request, options);
          return unaryCall(client, name, request, timeoutMs === undefined ? settings : { ...settings, timeoutMs });
        };
  }
  return out;
}

const optionsOf = (settings: CallSettings): CallOptions =>
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

async function importArchive(
  client: Client,
  pieces: AsyncIterable<Uint8Array>,
  settings: CallSettings,
): Promise<string[]> {
  const method = imagesServiceDefinition.Import!;
  let finish: (err: ServiceError | null, response?: unknown) => void = () => undefined;
  const answer = new Promise<{ images: string[] }>((resolve, reject) => {
    finish = (err, response) => (err ? reject(err) : resolve(response as { images: string[] }));
  });
  const call = client.makeClientStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    new Metadata(),
    optionsOf(settings),
    (err, response) => finish(err, response),
  );
  // The answer may fail while pieces are still being sent; it is awaited below either way.
  answer.catch(() => call.cancel());
  const cancel = () => call.cancel();
  settings.signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const data of pieces) {
      if (call.destroyed) break;
      if (!call.write({ data })) await Promise.race([onceDrained(call), answer]);
    }
    call.end();
    return (await answer).images;
  } finally {
    settings.signal?.removeEventListener('abort', cancel);
  }
}

const onceDrained = (stream: NodeJS.EventEmitter) => new Promise<void>((resolve) => stream.once('drain', resolve));

// A typed promise client of a container runtime, for the kubelet and the command line.
import { type Client, Metadata, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js';
import type { ImageServiceMethods, RuntimeServiceMethods, StopContainerRequest } from './cri.gen.ts';
import { imageServiceDefinition, imagesServiceDefinition, runtimeServiceDefinition } from './cri-services.ts';
import { type CallSettings, openClient, optionsOf, type PromiseClient, promiseClient } from './promise-client.ts';

export interface CriClient {
  runtime: PromiseClient<RuntimeServiceMethods>;
  images: PromiseClient<ImageServiceMethods>;
  /** Sends an image archive in pieces and answers the names of the images in it. Only our own runtime has this. */
  importArchive(pieces: AsyncIterable<Uint8Array>, settings?: CallSettings): Promise<string[]>;
  close(): void;
}

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
  const open = (definition: ServiceDefinition) => openClient(definition, socketPath);
  const timeoutOf = (name: string, request: object) => defaultTimeoutMs(name, request, options);
  const runtime = open(runtimeServiceDefinition);
  const images = open(imageServiceDefinition);
  const imports = open(imagesServiceDefinition);
  return {
    runtime: promiseClient(runtime, runtimeServiceDefinition, timeoutOf),
    images: promiseClient(images, imageServiceDefinition, timeoutOf),
    importArchive: (pieces, settings = {}) => importArchive(imports, pieces, settings),
    close: () => {
      for (const client of [runtime, images, imports]) client.close();
    },
  };
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
    call.cancel(); // when the pieces failed; a call that is over takes no notice
  }
}

const onceDrained = (stream: NodeJS.EventEmitter) => new Promise<void>((resolve) => stream.once('drain', resolve));

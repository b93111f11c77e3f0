// The gRPC edge: verbs behind the services, errors turned into statuses, cancelled calls into aborted signals.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  Server,
  type ServerReadableStream,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { removeTree } from '../../host/remove-tree.ts';
import { imageServiceDefinition, imagesServiceDefinition, runtimeServiceDefinition } from '../../proto/cri-services.ts';
import type { ImportRequest, ImportResponse } from '../../proto/k8ts-runtime.gen.ts';
import { listenOnSocket, RpcError, serveUnary } from '../../proto/unary-server.ts';
import { describeError } from './errors.ts';
import { importArchive } from './image/archive.ts';
import { imageIdOf } from './image/image-store.ts';
import type { Runtime } from './runtime.ts';
import { imageVerbs, runtimeVerbs } from './verbs/index.ts';

type UnaryHandler = (rt: Runtime, req: unknown, signal: AbortSignal) => Promise<unknown>;
type StreamHandler = (rt: Runtime, req: unknown, signal: AbortSignal) => AsyncIterable<unknown>;
type Handlers = Record<string, unknown>;

// An image archive comes in pieces of any size; a full node's lists are sent whole.
const serverOptions = { 'grpc.max_receive_message_length': 16 << 20, 'grpc.max_send_message_length': 64 << 20 };

/** Serves the container runtime interface on a unix socket that only root may open. */
export async function serveCri(rt: Runtime, socketPath: string): Promise<Server> {
  const server = new Server(serverOptions);
  addVerbs(rt, server, runtimeServiceDefinition, runtimeVerbs);
  addVerbs(rt, server, imageServiceDefinition, imageVerbs);
  server.addService(imagesServiceDefinition, {
    Import: (call: unknown, done: unknown) => serveImport(rt, call, done),
  } as never);
  await listenOnSocket(server, socketPath);
  return server;
}

function addVerbs(rt: Runtime, server: Server, definition: ServiceDefinition, verbs: Handlers): void {
  const implementation: Handlers = {};
  for (const [name, verb] of Object.entries(verbs)) {
    implementation[name] = definition[name]!.responseStream
      ? serveStream(rt, name, verb as StreamHandler)
      : serveUnary(
          name,
          (req, signal) => (verb as UnaryHandler)(rt, req, signal),
          (rpc, err) => toServiceError(rt, rpc, err),
        );
  }
  server.addService(definition, implementation as never);
}

function serveStream(rt: Runtime, name: string, verb: StreamHandler) {
  return async (call: ServerWritableStream<unknown, unknown>) => {
    const abort = new AbortController();
    call.once('cancelled', () => abort.abort(new RpcError(status.CANCELLED, 'the caller gave up')));
    try {
      for await (const message of verb(rt, call.request, abort.signal)) {
        if (!call.write(message)) await once(call, 'drain', { signal: abort.signal }).catch(() => undefined);
      }
      call.end();
    } catch (err) {
      call.emit('error', toServiceError(rt, name, err));
    }
  };
}

/** What goes over the wire: an RpcError as it is, anything else as UNKNOWN with its text, and logged for its stack. */
function toServiceError(rt: Runtime, name: string, err: unknown): { code: number; details: string } {
  if (err instanceof RpcError) {
    rt.log.debug({ rpc: name, code: err.code, reason: err.message }, 'call refused');
    return { code: err.code, details: err.message };
  }
  rt.log.warn({ rpc: name, err }, 'call failed');
  return { code: status.UNKNOWN, details: describeError(err) };
}

/** Images.Import: the archive goes to a file, because reading it takes several passes. */
async function serveImport(rt: Runtime, rawCall: unknown, rawDone: unknown): Promise<void> {
  const call = rawCall as ServerReadableStream<ImportRequest, ImportResponse>;
  const done = rawDone as sendUnaryData<ImportResponse>;
  const dir = join(rt.paths.scratchDir, randomUUID());
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const abort = new AbortController();
  call.once('cancelled', () => abort.abort(new RpcError(status.CANCELLED, 'the caller gave up')));
  const pieces = async function* (source: AsyncIterable<ImportRequest>) {
    for await (const { data } of source) yield data;
  };
  try {
    const archive = join(dir, 'archive');
    await pipeline(call, pieces, createWriteStream(archive));
    const options = { scratchDir: join(dir, 'unpacked'), architecture: rt.architecture, signal: abort.signal };
    const records = await importArchive(rt.images, archive, options);
    done(null, { images: records.flatMap((r) => (r.tags.length > 0 ? r.tags : [imageIdOf(r)])) });
  } catch (err) {
    done(toServiceError(rt, 'Import', err));
  } finally {
    await removeTree(dir);
  }
}

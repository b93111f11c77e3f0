// Pulling an image: resolve the name, choose the platform, fetch and check config and layers, unpack, record. Blobs are
// fetched into files named by digest, and resumed where a pull before stopped.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ifThere } from '../../../host/if-there.ts';
import {
  formatReference,
  type ImageReference,
  parseReference,
  repositoryOf,
} from '../../../machinery/image-reference.ts';
import { KeyedLock } from '../../../machinery/keyed-lock.ts';
import type { AuthConfig } from '../../../proto/cri.gen.ts';
import { RpcError } from '../../../proto/unary-server.ts';
import { asInvalid, describeError, notFound, unavailable } from '../errors.ts';
import { watchRoom } from './disk-room.ts';
import {
  checkDigest,
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  maxDocumentBytes,
  parseManifest,
  selectPlatform,
  sha256,
} from './image-config.ts';
import type { ImageStore } from './image-store.ts';
import { type Answer, NoProgressError, type ProgressOptions, readUpTo } from './progress.ts';
import { manifestTypes, openRegistry, type Registry, RegistryError } from './registry.ts';

export interface PullerOptions {
  images: ImageStore;
  /** Where blobs lie while they are fetched. */
  ingestDir: string;
  architecture: string;
  /** Addresses to ask before a registry itself, by the registry's host. */
  mirrors: ReadonlyMap<string, readonly string[]>;
  /** How long a registry may send nothing. */
  progress: ProgressOptions;
}

export type Puller = ReturnType<typeof createPuller>;

const parallelFetches = 3;

interface PullContext extends PullerOptions {
  /** One fetch of a blob at a time: images share layers, and an image may name one twice. */
  blobs: KeyedLock;
}

/** Removes parts of blobs that nobody has come back for. */
export function removeStaleParts(ingestDir: string, olderThanMs: number): void {
  for (const name of existsSync(ingestDir) ? readdirSync(ingestDir) : []) {
    const path = join(ingestDir, name);
    if (statSync(path).mtimeMs < olderThanMs) rmSync(path, { force: true });
  }
}

export function createPuller(options: PullerOptions) {
  const locks = new KeyedLock();
  const context: PullContext = { ...options, blobs: new KeyedLock() };
  mkdirSync(options.ingestDir, { recursive: true });
  return {
    /** Makes an image present. Rejects with an RpcError worded for the pod's status. */
    pull: (name: string, auth: AuthConfig | null, signal: AbortSignal) =>
      locks.run(name, async () => {
        const ref = asInvalid(() => parseReference(name));
        try {
          return await pullFromAny(context, ref, auth, signal);
        } catch (err) {
          throw toRpcError(formatOf(name, ref), err);
        }
      }),
  };
}

const formatOf = (name: string, ref: ImageReference) => (name.includes('@') ? name : formatReference(ref));

function toRpcError(name: string, err: unknown): RpcError {
  const message = `failed to pull and unpack image "${name}": ${describeError(err)}`;
  if (err instanceof NoProgressError) return unavailable(message);
  if (!(err instanceof RegistryError)) return new RpcError(2, message, { cause: err });
  if (err.status === 404) return notFound(message, err);
  return err.status === 0 ? unavailable(message) : new RpcError(2, message, { cause: err });
}

async function pullFromAny(options: PullContext, ref: ImageReference, auth: AuthConfig | null, signal: AbortSignal) {
  const { progress } = options;
  for (const mirror of options.mirrors.get(ref.domain) ?? []) {
    try {
      return await pullFrom(options, ref, openRegistry(ref, { auth: null, baseUrl: mirror, progress }), signal);
    } catch (err) {
      // A mirror that fails is no reason to fail: the registry itself comes next.
      if (!(err instanceof RegistryError)) throw err;
    }
  }
  return pullFrom(options, ref, openRegistry(ref, { auth, progress }), signal);
}

async function pullFrom(options: PullContext, ref: ImageReference, registry: Registry, signal: AbortSignal) {
  const top = await resolve(registry, ref, signal);
  const manifest = await selectManifest(registry, top, options.architecture, signal);
  const configBytes = await fetchSmallBlob(registry, manifest.config, signal);
  const { layers } = manifest;
  const unpack = async (diffIds: readonly string[]) => {
    const queue = layers.map((layer, i) => ({ layer, diffId: diffIds[i]! }));
    const abort = new AbortController();
    const either = AbortSignal.any([signal, abort.signal]);
    const work = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        await pullLayer(options, registry, next.layer, next.diffId, either);
      }
    };
    const workers = Array.from({ length: parallelFetches }, () =>
      work().catch((err) => {
        abort.abort(err);
        throw err;
      }),
    );
    const failed = (await Promise.allSettled(workers)).find((r) => r.status === 'rejected');
    if (failed) throw abort.signal.aborted ? abort.signal.reason : failed.reason;
    return layers.reduce((sum, layer) => sum + layer.size, 0);
  };
  return options.images.make(
    configBytes,
    { count: layers.length, unpack },
    {
      tags: ref.tag && !ref.digest ? [formatReference(ref)] : [],
      digests: [`${repositoryOf(ref)}@${top.digest}`],
    },
  );
}

interface FetchedManifest {
  digest: string;
  content: Manifest | Index;
}

async function resolve(registry: Registry, ref: ImageReference, signal: AbortSignal): Promise<FetchedManifest> {
  try {
    // Asked for first as other runtimes do: the cheap question whether the name exists.
    await registry.request(`manifests/${ref.digest ?? ref.tag}`, {
      method: 'HEAD',
      headers: { accept: manifestTypes.join(', ') },
      signal,
    });
    return await fetchManifest(registry, ref.digest ?? ref.tag!, signal);
  } catch (err) {
    if (!(err instanceof RegistryError)) throw err;
    const why = err.status === 404 ? `${formatReference(ref)}: not found` : err.message;
    throw new RegistryError(err.status, `failed to resolve image: ${why}`);
  }
}

async function fetchManifest(registry: Registry, reference: string, signal: AbortSignal): Promise<FetchedManifest> {
  const accept = manifestTypes.join(', ');
  const response = await registry.request(`manifests/${reference}`, { headers: { accept }, signal });
  const bytes = await readWhole(response, 'the manifest');
  const digest = sha256(bytes);
  if (reference.startsWith('sha256:') && digest !== reference)
    throw new Error(`manifest is ${digest}, not ${reference}`);
  return { digest, content: parseManifest(bytes, 'the manifest') };
}

/** Reads what is kept in memory, and no more of it than a registry should send. */
async function readWhole({ pieces }: Answer, what: string): Promise<Buffer> {
  const bytes = await readUpTo(maxDocumentBytes, pieces);
  if (!bytes) throw new Error(`${what} is too large`);
  return bytes;
}

async function selectManifest(
  registry: Registry,
  top: FetchedManifest,
  architecture: string,
  signal: AbortSignal,
): Promise<Manifest> {
  if (!isIndex(top.content)) return top.content;
  const { content } = await fetchManifest(registry, selectPlatform(top.content, architecture).digest, signal);
  if (isIndex(content)) throw new Error('the manifest is an index of indexes');
  return content;
}

async function fetchSmallBlob(registry: Registry, { digest, size }: Descriptor, signal: AbortSignal): Promise<Buffer> {
  if (size > maxDocumentBytes) throw new Error('the image configuration is too large');
  const response = await registry.request(`blobs/${digest}`, { signal });
  const bytes = await readWhole(response, 'the image configuration');
  checkDigest(bytes, digest);
  return bytes;
}

function pullLayer(
  { images, ingestDir, blobs }: PullContext,
  registry: Registry,
  layer: Descriptor,
  diffId: string,
  signal: AbortSignal,
): Promise<void> {
  return blobs.run(layer.digest, async () => {
    signal.throwIfAborted();
    if (images.layers.find(diffId)) return;
    const path = join(ingestDir, layer.digest.replace(':', '-'));
    await fetchBlob(registry, layer, path, signal);
    await images.layers.unpack(diffId, path, signal);
    await rm(path, { force: true });
  });
}

/** Fetches a blob into a file, continuing a part that is there, and checks its digest. */
async function fetchBlob(
  registry: Registry,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const have = await sizeOf(path);
  const hash = createHash('sha256');
  if (have > 0) for await (const chunk of createReadStream(path)) hash.update(chunk);
  if (have < size) {
    const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
    const response = await registry.request(`blobs/${digest}`, { headers, signal });
    if (have > 0 && response.status !== 206) {
      // It does not resume: from the start, then.
      response.cancel();
      await rm(path);
      return fetchBlob(registry, { digest, size }, path, signal);
    }
    const file = await open(path, 'a');
    try {
      let written = have;
      const tell = watchRoom(dirname(path));
      for await (const chunk of response.pieces) {
        written += chunk.length;
        if (written > size) {
          await rm(path, { force: true });
          throw new Error(`blob ${digest} is longer than the ${size} bytes it should have`);
        }
        hash.update(chunk);
        await tell(chunk.length);
        await file.appendFile(chunk);
      }
    } finally {
      await file.close();
    }
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual === digest) return;
  await rm(path, { force: true });
  throw new Error(`blob is ${actual}, not ${digest}`);
}

const sizeOf = async (path: string) => (await ifThere(stat(path)))?.size ?? 0;

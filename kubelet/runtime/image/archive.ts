// Image archives: what `docker save` and OCI tools write. The archive is unpacked into a scratch
// directory; its layers go into the layer store, its images into the image store.
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { removeTree } from '../../../host/remove-tree.ts';
import { formatReference, parseReference, repositoryOf } from '../../../machinery/image-reference.ts';
import { asInvalid } from '../errors.ts';
import { runCommand } from '../process/command.ts';
import { openDecompressed, readTogether } from './decompress.ts';
import { whileRoomIn } from './disk-room.ts';
import {
  checkDigest,
  isIndex,
  listOf,
  maxDocumentBytes,
  parseDocument,
  parseManifest,
  selectPlatform,
  someString,
} from './image-config.ts';
import type { ImageRecord, ImageStore } from './image-store.ts';

interface ArchiveImage {
  configPath: string;
  layerPaths: string[];
  names: string[];
  /** Of the manifest; absent in docker's older format. */
  digest?: string;
}

/** More are no archive that anybody made. */
const maxImages = 1_000;
const maxNames = 1_000;
const nameAnnotations = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];

/** Loads every image of an archive file, plain or compressed. Answers what was loaded. */
export async function importArchive(
  images: ImageStore,
  archivePath: string,
  options: { scratchDir: string; architecture: string; signal?: AbortSignal },
): Promise<ImageRecord[]> {
  const { scratchDir, architecture, signal } = options;
  mkdirSync(scratchDir, { recursive: true });
  try {
    await unpackArchive(archivePath, scratchDir, signal);
    const records: ImageRecord[] = [];
    for (const image of readArchive(scratchDir, architecture)) {
      records.push(await importImage(images, scratchDir, image, signal));
      await nextTurn(); // there may be many that take no time
    }
    return records;
  } catch (err) {
    // Nobody tries again by itself, as a pull is: layers unpacked so far would stay for nothing.
    await images.removeUnusedLayers();
    throw err;
  } finally {
    await removeTree(scratchDir);
  }
}

async function unpackArchive(path: string, dir: string, signal?: AbortSignal): Promise<void> {
  const input = readTogether([...(await openDecompressed(path)), whileRoomIn(dir)]);
  const flags = ['--no-same-owner', '--no-same-permissions'];
  await runCommand('tar', ['--extract', '--file=-', `--directory=${dir}`, ...flags], { input, signal });
}

/** Lists the images of an unpacked archive. docker's manifest wins where both are there: it has the names. */
function readArchive(dir: string, architecture: string): ArchiveImage[] {
  const found = existsSync(join(dir, 'manifest.json'))
    ? readDockerManifest(dir)
    : existsSync(join(dir, 'index.json'))
      ? readIndex(dir, architecture)
      : undefined;
  if (!found) throw new Error('not an image archive: no manifest.json and no index.json');
  if (found.length > maxImages) throw new Error(`the archive has more than ${maxImages} images`);
  return found;
}

function readDockerManifest(dir: string): ArchiveImage[] {
  const bytes = Buffer.concat([Buffer.from('{"images":'), readInside(dir, 'manifest.json'), Buffer.from('}')]);
  return listOf(parseDocument(bytes, 'manifest.json').images, 'manifest.json', (item, what) => {
    const entry = (item ?? {}) as Record<string, unknown>;
    return {
      configPath: someString(entry.Config, `${what}.Config`),
      layerPaths: listOf(entry.Layers, `${what}.Layers`, someString),
      names: listOf(entry.RepoTags, `${what}.RepoTags`, someString),
    };
  });
}

function readIndex(dir: string, architecture: string): ArchiveImage[] {
  const index = parseManifest(readInside(dir, 'index.json'), 'index.json');
  if (!isIndex(index)) throw new Error('index.json is not an index');
  return index.manifests.map(({ digest, annotations }) => {
    const names = nameAnnotations.map((key) => annotations[key]).filter((n) => n !== undefined);
    // The second annotation may be a bare tag, which names nothing by itself.
    const name = names.find((n) => n.includes('/') || n.includes(':'));
    return { ...readManifest(dir, digest, architecture), names: name ? [name] : [], digest };
  });
}

const blobPath = (digest: string) => join('blobs', ...digest.split(':'));

/** A manifest, or that of the platform where an index is in between. */
function readManifest(dir: string, digest: string, architecture: string): { configPath: string; layerPaths: string[] } {
  const read = (name: string) => {
    const bytes = readInside(dir, blobPath(name));
    checkDigest(bytes, name);
    return parseManifest(bytes, name);
  };
  const top = read(digest);
  const manifest = isIndex(top) ? read(selectPlatform(top, architecture).digest) : top;
  if (isIndex(manifest)) throw new Error(`${digest} is an index of indexes`);
  return {
    configPath: blobPath(manifest.config.digest),
    layerPaths: manifest.layers.map((l) => blobPath(l.digest)),
  };
}

/** Reads a document of the archive. */
function readInside(dir: string, path: string): Buffer {
  const real = pathInside(dir, path);
  if (statSync(real).size > maxDocumentBytes) throw new Error(`${path} is too large`);
  return readFileSync(real);
}

/**
 * Where a file of the archive is. Links in it may not lead out of it, and opening anything but a
 * file may hang, or do things.
 */
function pathInside(dir: string, path: string): string {
  let real: string;
  try {
    real = realpathSync(join(dir, path));
  } catch (err) {
    throw new Error(`${path} is not in the archive`, { cause: err });
  }
  if (!real.startsWith(`${realpathSync(dir)}/`)) throw new Error(`${path} leads out of the archive`);
  if (!lstatSync(real).isFile()) throw new Error(`${path} is not a file`);
  return real;
}

async function importImage(images: ImageStore, dir: string, image: ArchiveImage, signal?: AbortSignal) {
  if (image.names.length > maxNames) throw new Error(`an image of the archive has more than ${maxNames} names`);
  const names = asInvalid(() => image.names.map(parseReference));
  const unpack = async (diffIds: readonly string[]) => {
    let sizeBytes = 0;
    for (const [i, path] of image.layerPaths.entries())
      sizeBytes += (await images.layers.unpack(diffIds[i]!, pathInside(dir, path), signal)).sizeBytes;
    return sizeBytes;
  };
  const layers = { count: image.layerPaths.length, unpack };
  return images.make(readInside(dir, image.configPath), layers, {
    tags: names.filter((n) => n.tag !== undefined && n.digest === undefined).map(formatReference),
    digests: image.digest ? names.map((n) => `${repositoryOf(n)}@${image.digest}`) : [],
  });
}

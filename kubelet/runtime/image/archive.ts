// Image archives: what `docker save` and OCI tools write. The archive is unpacked into a scratch directory; its layers go
// into the layer store, its images into the image store.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../process/command.ts';
import {
  type ImageConfigFile,
  type Index,
  isIndex,
  isManifest,
  parseImageConfig,
  selectPlatform,
} from './image-config.ts';
import type { ImageRecord, ImageStore } from './image-store.ts';
import { formatReference, parseReference, repositoryOf } from './reference.ts';

interface ArchiveImage {
  configPath: string;
  layerPaths: string[];
  names: string[];
  /** Of the manifest; absent in docker's older format. */
  digest?: string;
}

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
    const flags = ['--no-same-owner', '--no-same-permissions'];
    await runCommand('tar', ['--extract', `--file=${archivePath}`, `--directory=${scratchDir}`, ...flags], { signal });
    const found = readArchive(scratchDir, architecture);
    const records: ImageRecord[] = [];
    for (const image of found) records.push(await importImage(images, scratchDir, image, signal));
    return records;
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

/** Lists the images of an unpacked archive. docker's manifest wins where both are there: it has the names. */
function readArchive(dir: string, architecture: string): ArchiveImage[] {
  const dockerManifest = join(dir, 'manifest.json');
  if (existsSync(dockerManifest)) {
    const entries = JSON.parse(readFileSync(dockerManifest, 'utf8')) as {
      Config: string;
      RepoTags: string[] | null;
      Layers: string[];
    }[];
    return entries.map((e) => ({ configPath: e.Config, layerPaths: e.Layers, names: e.RepoTags ?? [] }));
  }
  if (!existsSync(join(dir, 'index.json'))) throw new Error('not an image archive: no manifest.json and no index.json');
  const index = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as Index;
  return index.manifests.map((descriptor) => {
    const names = nameAnnotations.map((key) => descriptor.annotations?.[key]).filter((n) => n !== undefined);
    // The second annotation may be a bare tag, which names nothing by itself.
    const name = names.find((n) => n.includes('/') || n.includes(':'));
    return {
      ...readManifest(dir, descriptor.digest, architecture),
      names: name ? [name] : [],
      digest: descriptor.digest,
    };
  });
}

const blobPath = (digest: string) => join('blobs', ...digest.split(':'));

function readManifest(dir: string, digest: string, architecture: string): { configPath: string; layerPaths: string[] } {
  const manifest = JSON.parse(readInside(dir, blobPath(digest)).toString());
  if (isIndex(manifest)) return readManifest(dir, selectPlatform(manifest, architecture).digest, architecture);
  if (!isManifest(manifest)) throw new Error(`${digest} is neither an image manifest nor an index`);
  return {
    configPath: blobPath(manifest.config.digest),
    layerPaths: manifest.layers.map((l) => blobPath(l.digest)),
  };
}

/** Reads a file of the archive; links in it may not lead out of it. */
const readInside = (dir: string, path: string) => readFileSync(pathInside(dir, path));

function pathInside(dir: string, path: string): string {
  const real = realpathSync(join(dir, path));
  if (!real.startsWith(`${realpathSync(dir)}/`)) throw new Error(`${path} leads out of the archive`);
  return real;
}

async function importImage(images: ImageStore, dir: string, image: ArchiveImage, signal?: AbortSignal) {
  const configBytes = readInside(dir, image.configPath);
  const file: ImageConfigFile = parseImageConfig(configBytes);
  if (file.diffIds.length !== image.layerPaths.length)
    throw new Error('the image has more layers than its config names');
  const names = image.names.map(parseReference);
  return images.layers.hold(file.diffIds, async () => {
    let sizeBytes = configBytes.length;
    for (const [i, path] of image.layerPaths.entries()) {
      const layer = await images.layers.unpack(file.diffIds[i]!, pathInside(dir, path), signal);
      sizeBytes += layer.sizeBytes;
    }
    return images.add({
      id: createHash('sha256').update(configBytes).digest('hex'),
      tags: names.filter((n) => n.tag !== undefined && n.digest === undefined).map(formatReference),
      digests: image.digest ? names.map((n) => `${repositoryOf(n)}@${image.digest}`) : [],
      sizeBytes,
      config: file.config,
      diffIds: file.diffIds,
    });
  });
}

// Builds small OCI image archives for tests, around a static busybox.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Architecture, debianProgram, type LayerFile, ownArchitecture } from '../../images/debian-tree.ts';

/** A tar of the given entries. */
export async function buildTar(files: readonly LayerFile[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of files) {
    const type = header.type ?? (content === undefined ? 'directory' : 'file');
    tar.entry({ mode: 0o755, mtime: new Date(0), ...header, type }, content ?? '');
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What busybox can be called, but itself. */
function listApplets(program: string): string[] {
  const { stdout } = spawnSync(program, ['--list'], { encoding: 'utf8' });
  return stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
}

/** The files of a minimal system: busybox under its usual names, a passwd and group file. */
export function busyboxLayer(architecture = ownArchitecture): LayerFile[] {
  const runnable = debianProgram('busybox-static', 'bin/busybox');
  const program = debianProgram('busybox-static', 'bin/busybox', architecture);
  const dirs = ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root', 'home', 'var', 'usr'].map((name) => ({ name }));
  return [
    ...dirs,
    { name: 'bin/busybox', content: readFileSync(program) },
    ...listApplets(runnable).map((name) => ({ name: `bin/${name}`, type: 'symlink' as const, linkname: 'busybox' })),
    { name: 'etc/passwd', mode: 0o644, content: 'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1001::/home:/bin/sh\n' },
    { name: 'etc/group', mode: 0o644, content: 'root:x:0:\nguests:x:1001:\nextra:x:1234:guest\n' },
  ];
}

export interface ArchiveImage {
  name: string;
  layers: readonly (readonly LayerFile[])[];
  config?: Record<string, unknown>;
  /** Where it runs; on machines like this one when left out. */
  architecture?: Architecture;
}

export interface BuiltImage {
  manifest: Buffer;
  manifestDigest: string;
  configDigest: string;
  blobs: Map<string, Buffer>;
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export async function buildImage(image: ArchiveImage): Promise<BuiltImage> {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer, mediaType: string) => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const tars = await Promise.all(image.layers.map(buildTar));
  const layers = tars.map((tar) => put(gzipSync(tar, { level: 1 }), 'application/vnd.oci.image.layer.v1.tar+gzip'));
  const config = Buffer.from(
    JSON.stringify({
      architecture: image.architecture ?? ownArchitecture,
      os: 'linux',
      config: image.config ?? {},
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
    }),
  );
  const configDescriptor = put(config, 'application/vnd.oci.image.config.v1+json');
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: configDescriptor,
      layers,
    }),
  );
  const { digest } = put(manifest, '');
  return { manifest, manifestDigest: digest, configDigest: configDescriptor.digest, blobs };
}

/** An OCI archive with one image. */
export async function buildOciArchive(image: ArchiveImage): Promise<Buffer> {
  const built = await buildImage(image);
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: built.manifestDigest,
        size: built.manifest.length,
        annotations: { 'io.containerd.image.name': image.name },
      },
    ],
  };
  return buildTar([
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify(index) },
    { name: 'blobs' },
    { name: 'blobs/sha256' },
    ...[...built.blobs].map(([digest, content]) => ({ name: `blobs/${digest.replace(':', '/')}`, content })),
  ]);
}

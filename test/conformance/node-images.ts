// Images that only one requirement needs: loaded into the node, or served by a registry on it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayerFile } from '../images/debian-tree.ts';
import { k8ts } from '../integration/cli/k8ts-command.ts';
import { type ArchiveImage, buildImage, buildOciArchive } from '../integration/runtime/image-archive.ts';
import type { Space } from './cluster.ts';
import { create, pod, shell, start } from './node.ts';

/** Loads an image as a user does. */
export async function loadImage(space: Space, image: ArchiveImage): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-image-'));
  try {
    const archive = join(dir, 'image.tar');
    writeFileSync(archive, await buildOciArchive(image));
    const name = space.node.replace(/-control-plane$/, '');
    const load = k8ts(['load', 'image-archive', archive, '--name', name]);
    assert.equal(load.code, 0, load.stderr);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * Serves a small image from a registry on the node's own loopback, where the runtime takes plain HTTP: its files lie in
 * a ConfigMap, at the paths that the distribution specification asks for. Answers the reference.
 */
export async function serveImage(space: Space, files: LayerFile[], port: number): Promise<string> {
  const { manifest, blobs } = await buildImage({ name: 'unused', layers: [files] });
  const served = [
    ['manifests/1', manifest] as const,
    ...[...blobs].map(([id, bytes]) => [`blobs/${id}`, bytes] as const),
  ];
  await create(space, 'configmaps', {
    metadata: { name: 'registry' },
    binaryData: Object.fromEntries(served.map(([, bytes], index) => [`file-${index}`, bytes.toString('base64')])),
  });
  const items = served.map(([path], index) => ({ key: `file-${index}`, path: `v2/files/${path}` }));
  const server = shell(`exec httpd -f -p 127.0.0.1:${port} -h /www`, {
    volumeMounts: [{ name: 'files', mountPath: '/www' }],
    readinessProbe: { exec: { command: ['nc', '127.0.0.1', `${port}`, '-w', '1', '-e', 'true'] }, periodSeconds: 1 },
  });
  const volumes = [{ name: 'files', configMap: { name: 'registry', items } }];
  await start(space, pod('registry', server, { hostNetwork: true, volumes }));
  return `127.0.0.1:${port}/files:1`;
}

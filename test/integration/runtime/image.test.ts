// Layers stacked by the kernel: removals and opaque directories of an image as its containers see
// them; archives of both kinds; removal of an image with its layers.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildImage, buildOciArchive, buildTar, busyboxLayer } from './image-archive.ts';
import { missingForContainers, readLog, runPod, TestNode, waitForExit } from './test-node.ts';

const layers = [
  busyboxLayer(),
  [
    { name: 'data' },
    { name: 'data/kept', content: 'kept' },
    { name: 'data/gone', content: 'gone' },
    { name: 'data/emptied' },
    { name: 'data/emptied/old', content: 'old' },
    { name: 'data/owned', content: 'x', uid: 1000, gid: 1001, mode: 0o640 },
  ],
  [
    { name: 'data/.wh.gone', content: '' },
    { name: 'data/emptied' },
    { name: 'data/emptied/.wh..wh..opq', content: '' },
    { name: 'data/emptied/new', content: 'new' },
    { name: 'data/hard', type: 'link' as const, linkname: 'data/emptied/new' },
  ],
];

async function* once(bytes: Buffer) {
  yield bytes;
}

describe('images', { skip: missingForContainers(), timeout: 60_000 }, () => {
  test('containers see their layers as the image means them', async () => {
    await using node = await TestNode.start();
    const name = 'docker.io/library/layered:1';
    const config = { Entrypoint: ['sh', '-c'], Env: ['FROM_IMAGE=yes'], WorkingDir: '/data', User: 'guest' };
    assert.deepEqual(await node.cri.importArchive(once(await buildOciArchive({ name, layers, config }))), [name]);
    const script = 'find . | sort; stat -c "%u %g %a" owned; id -un; echo $FROM_IMAGE; stat -c %h hard';
    const { container_id, logPath } = await runPod(node, 'layers', { image: { image: name }, args: [script] });
    assert.equal((await waitForExit(node, container_id)).exit_code, 0);
    const lines = readLog(logPath).map((l) => l.split(' ').slice(3).join(' '));
    assert.deepEqual(lines.slice(0, 6), ['.', './emptied', './emptied/new', './hard', './kept', './owned']);
    assert.deepEqual(lines.slice(6), ['1000 1001 640', 'guest', 'yes', '2']);
  });

  test('a volume of the image begins with its content and is writable below a read-only root', async () => {
    await using node = await TestNode.start();
    const name = 'docker.io/library/declares:1';
    const config = { Volumes: { '/data': {}, '/new/one/': {}, '/mounted': {} } };
    await node.cri.importArchive(once(await buildOciArchive({ name, layers, config })));
    const { container_id, logPath } = await runPod(node, 'volumes', {
      image: { image: name },
      command: [
        'sh',
        '-c',
        'echo $(cat /data/kept); stat -c "%u %g" /data/owned; touch /data/x /new/one/x && ls /mounted; touch /x',
      ],
      mounts: [{ container_path: '/mounted', host_path: join(node.dir, 'root/pause'), readonly: true }],
      linux: { security_context: { readonly_rootfs: true } },
    });
    assert.equal((await waitForExit(node, container_id)).exit_code, 1);
    const lines = readLog(logPath).map((l) => l.split(' ').slice(3).join(' '));
    assert.deepEqual(lines.slice(0, 3), ['kept', '1000 1001', 'dev']);
    assert.match(lines.at(-1)!, /touch: \/x: Read-only file system/);
    await node.cri.runtime.RemoveContainer({ container_id });
    assert.deepEqual(readdirSync(join(node.dir, 'root/containers')), []);
  });

  test('an image is a volume: for reading, without running what is in it, and as long as a container has it', async () => {
    await using node = await TestNode.start();
    const name = 'docker.io/library/files:1';
    await node.importTestImage();
    await node.cri.importArchive(once(await buildOciArchive({ name, layers, config: {} })));
    const mountOf = (container_path: string, image_sub_path = '') => ({
      container_path,
      image: { image: name },
      image_sub_path,
    });
    const script = 'cat /files/data/kept; ls /part; touch /files/x; /files/bin/busybox true';
    const { container_id, logPath } = await runPod(node, 'image-volume', {
      command: ['sh', '-c', script],
      mounts: [mountOf('/files'), mountOf('/part', 'data/emptied')],
    });
    assert.equal((await waitForExit(node, container_id)).exit_code, 126);
    // What is no whole line yet may be told with what follows.
    const said = readLog(logPath).map((l) => l.split(' ').slice(3).join(' '));
    assert.match(said.join(''), /^keptnew.*Read-only file systemsh: .*Permission denied$/);
    const missing = { command: ['true'], mounts: [mountOf('/part', 'not/there')] };
    await assert.rejects(runPod(node, 'missing', missing), /image "[^"]+" has no "not\/there"/);
    const { images, runtime } = node.cri;
    await assert.rejects(images.RemoveImage({ image: { image: name } }), /is in use by container/);
    await runtime.RemoveContainer({ container_id });
    await images.RemoveImage({ image: { image: name } });
    assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`${node.dir}.*/images/`));
  });

  test('docker archives load, and a removed image leaves no layers', async () => {
    await using node = await TestNode.start();
    const built = await buildImage({ name: 'x', layers: layers.slice(0, 2) });
    const blobs = [...built.blobs].map(([digest, content]) => ({ name: `${digest.slice(7)}`, content }));
    const { layers: described } = JSON.parse(built.manifest.toString()) as { layers: { digest: string }[] };
    const manifest = [
      {
        Config: built.configDigest.slice(7),
        RepoTags: ['app:1', 'app:2'],
        Layers: described.map((l) => l.digest.slice(7)),
      },
    ];
    const archive = await buildTar([{ name: 'manifest.json', content: JSON.stringify(manifest) }, ...blobs]);
    const names = await node.cri.importArchive(once(gzipSync(archive, { level: 1 })));
    assert.deepEqual(names, ['docker.io/library/app:1', 'docker.io/library/app:2']);
    const { images } = node.cri;
    const { image } = await images.ImageStatus({ image: { image: 'app:2' } });
    assert.equal(image!.id, built.configDigest);
    assert.equal(readdirSync(join(node.dir, 'root/layers')).length, 2);
    const { image_filesystems } = await images.ImageFsInfo({});
    assert.ok(BigInt(image_filesystems[0]!.used_bytes!.value) > 1_000_000n);
    await images.RemoveImage({ image: { image: image!.id } });
    await images.RemoveImage({ image: { image: image!.id } });
    assert.deepEqual((await images.ListImages({})).images, []);
    assert.deepEqual(readdirSync(join(node.dir, 'root/layers')), []);
    await assert.rejects(node.cri.importArchive(once(Buffer.from('not an archive'))), /tar/);
  });
});

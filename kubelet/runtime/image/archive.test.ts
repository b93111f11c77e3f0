// Archives whose files are not what they seem: nothing outside is read, nothing is waited for, nothing stays.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { importArchive } from './archive.ts';
import { ImageStore } from './image-store.ts';
import { LayerStore } from './layer-store.ts';

const digestOf = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('importArchive()', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-archive-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  let count = 0;

  /** Packs what `make` puts into a folder and imports it. */
  async function importOf(make: (dir: string) => void) {
    const root = join(dir, String(count++));
    const source = join(root, 'source');
    mkdirSync(source, { recursive: true });
    make(source);
    const archive = join(root, 'archive');
    execFileSync('tar', ['--create', `--file=${archive}`, `--directory=${source}`, '.']);
    const images = new ImageStore(join(root, 'images'), new LayerStore(join(root, 'layers')));
    const scratchDir = join(root, 'scratch');
    try {
      return await importArchive(images, archive, { scratchDir, architecture: 'amd64' });
    } finally {
      assert.ok(!existsSync(scratchDir));
      assert.deepEqual(readdirSync(join(root, 'layers')), []);
    }
  }

  const put = (dir: string, value: unknown) => {
    const text = JSON.stringify(value);
    mkdirSync(join(dir, 'blobs/sha256'), { recursive: true });
    writeFileSync(join(dir, 'blobs', digestOf(text).replace(':', '/')), text);
    return { digest: digestOf(text), size: text.length };
  };
  const writeDocker = (dir: string, value: unknown) => writeFileSync(join(dir, 'manifest.json'), JSON.stringify(value));
  const writeIndex = (dir: string, value: unknown) => writeFileSync(join(dir, 'index.json'), JSON.stringify(value));
  const pipe = (path: string) => execFileSync('mkfifo', [path]);
  const noLayers = { rootfs: { diff_ids: [] } };

  const refused: [string, (dir: string) => void, RegExp][] = [
    ['nothing of an image', (d) => writeFileSync(join(d, 'x'), ''), /not an image archive/],
    ['a pipe for a manifest', (d) => pipe(join(d, 'manifest.json')), /manifest.json is not a file/],
    [
      'a link to a file outside',
      (d) => symlinkSync('/etc/hostname', join(d, 'manifest.json')),
      /leads out of the archive/,
    ],
    [
      'a pipe for a configuration',
      (d) => {
        pipe(join(d, 'c'));
        writeDocker(d, [{ Config: 'c', Layers: [] }]);
      },
      /c is not a file/,
    ],
    [
      'a path outside',
      (d) => writeDocker(d, [{ Config: '../../../etc/hostname', Layers: [] }]),
      /is not in the archive|leads out/,
    ],
    ['entries that are none', (d) => writeDocker(d, [null]), /manifest.json\[0\].Config is not a string/],
    ['names that are numbers', (d) => writeDocker(d, [{ Config: 'c', Layers: [], RepoTags: [5] }]), /RepoTags\[0\]/],
    ['more images than anybody has', (d) => writeDocker(d, Array(1001).fill({ Config: 'c' })), /more than 1000 images/],
    [
      'a blob that is not what its name says',
      (d) => {
        writeIndex(d, { manifests: [put(d, noLayers)] });
        writeFileSync(join(d, 'blobs', digestOf(JSON.stringify(noLayers)).replace(':', '/')), '{}');
      },
      /blob is sha256:\w+, not sha256/,
    ],
    [
      'an index of indexes',
      (d) => writeIndex(d, { manifests: [put(d, { manifests: [put(d, { manifests: [put(d, {})] })] })] }),
      /index of indexes/,
    ],
    [
      'a user that is a number',
      (d) =>
        writeIndex(d, { manifests: [put(d, { config: put(d, { ...noLayers, config: { User: 5 } }), layers: [] })] }),
      /config.User/,
    ],
    [
      'a second layer that is no tar, and takes back the first',
      (d) => {
        execFileSync('tar', ['--create', `--file=${join(d, 'first')}`, '--directory=/etc', 'hostname']);
        writeFileSync(join(d, 'second'), 'no tar');
        const diffIds = ['first', 'second'].map((name) => digestOf(readFileSync(join(d, name))));
        writeFileSync(join(d, 'c'), JSON.stringify({ rootfs: { diff_ids: diffIds } }));
        writeDocker(d, [{ Config: 'c', Layers: ['first', 'second'] }]);
      },
      /the layer/,
    ],
  ];
  for (const [name, make, why] of refused)
    test(`refuses ${name}`, { timeout: 20_000 }, () => assert.rejects(importOf(make), why));

  test('an image without layers is one', async () => {
    const found = await importOf((d) =>
      writeIndex(d, { manifests: [put(d, { config: put(d, noLayers), layers: [] })] }),
    );
    assert.equal(found.length, 1);
  });
});

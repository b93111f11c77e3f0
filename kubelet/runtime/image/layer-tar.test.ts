// Whiteouts of layers turned into overlayfs's, everything else left as it is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extract, type Header, pack } from 'tar-stream';
import { buildHeader, classifyEntry, paxRecord, rewriteLayer, splitPax } from './layer-tar.ts';

async function tarOf(entries: (Partial<Header> & { name: string; body?: string })[]): Promise<Buffer> {
  const tar = pack();
  for (const { body, ...header } of entries) tar.entry(header, body ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function* inChunks(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function rewritten(tar: Buffer, chunkSize = 1000) {
  const out: { name: string; type: string | null | undefined; body: string; pax: Record<string, string> }[] = [];
  const reader = extract();
  reader.on('entry', (header, stream, next) => {
    let body = '';
    stream.on('data', (chunk) => {
      body += chunk;
    });
    stream.on('end', () => {
      out.push({ name: header.name, type: header.type, body, pax: (header.pax ?? {}) as Record<string, string> });
      next();
    });
  });
  const done = new Promise((resolve, reject) => reader.on('finish', () => resolve(undefined)).on('error', reject));
  for await (const chunk of rewriteLayer(inChunks(tar, chunkSize))) reader.write(chunk);
  reader.end(undefined);
  await done;
  return out;
}

describe('classifyEntry()', () => {
  const cases: [string, string, string][] = [
    ['etc/passwd', 'plain', 'etc/passwd'],
    ['./etc/', 'plain', 'etc'],
    ['etc/.wh.passwd', 'removed', 'etc/passwd'],
    ['.wh.x', 'removed', 'x'],
    ['./a/.wh..wh..opq', 'opaque', 'a'],
    ['.wh..wh..opq', 'opaque', '.'],
    ['.wh..wh.plnk', 'skip', '.wh..wh.plnk'],
  ];
  for (const [path, kind, clean] of cases)
    test(path, () => assert.deepEqual(classifyEntry(path), { kind, path: clean }));
});

describe('rewriteLayer()', () => {
  const long = `deep/${'d'.repeat(90)}/${'e'.repeat(90)}`;
  for (const size of [1, 511, 512, 4096]) {
    test(`turns whiteouts into devices and marks opaque directories, in chunks of ${size}`, async () => {
      const tar = await tarOf([
        { name: 'a', type: 'directory', mode: 0o700 },
        { name: 'a/.wh..wh..opq' },
        { name: 'a/new', body: 'hello' },
        { name: 'b/.wh.gone' },
        { name: `${long}/.wh.x` },
        { name: `${long}/kept`, body: 'x'.repeat(1500) },
      ]);
      const entries = await rewritten(tar, size);
      const brief = entries.map((e) => [e.type, e.name.replace(/\/$/, ''), e.body.length]);
      assert.deepEqual(brief, [
        ['directory', 'a', 0],
        ['directory', 'a', 0],
        ['file', 'a/new', 5],
        ['character-device', 'b/gone', 0],
        ['character-device', `${long}/x`, 0],
        ['file', `${long}/kept`, 1500],
      ]);
      assert.equal(entries[1]!.pax['SCHILY.xattr.trusted.overlay.opaque'], 'y');
    });
  }

  test("drops attributes of overlayfs's own, keeps others", async () => {
    const pax = { 'SCHILY.xattr.trusted.overlay.redirect': '/etc', 'SCHILY.xattr.user.note': 'kept' };
    const [entry] = await rewritten(await tarOf([{ name: 'f', body: 'x', pax }]));
    assert.equal(entry!.pax['SCHILY.xattr.trusted.overlay.redirect'], undefined);
    assert.equal(entry!.pax['SCHILY.xattr.user.note'], 'kept');
  });

  test('does not hold an extension header of any size', async () => {
    const header = buildHeader('PaxHeader', 'x');
    header.write('00777777777\0', 124, 12, 'latin1');
    await assert.rejects(rewritten(Buffer.concat([header, Buffer.alloc(1024)])), /extension header that is too large/);
  });

  test('refuses a tar that ends early', async () => {
    const tar = await tarOf([{ name: 'f', body: 'x'.repeat(5000) }]);
    await assert.rejects(rewritten(tar.subarray(0, 2000)), /ends in the middle/);
  });
});

test('paxRecord() counts its own length', () => {
  for (const length of [1, 90, 95, 96, 97, 990, 995]) {
    const text = `k=${'v'.repeat(length)}`;
    const record = paxRecord(text);
    assert.equal(Number(record.split(' ')[0]), record.length);
    assert.deepEqual(splitPax(Buffer.from(record)).map(String), [text]);
  }
});

test('buildHeader() has a right checksum', () => {
  const header = buildHeader('x', '5');
  const stated = Number.parseInt(header.toString('latin1', 148, 154), 8);
  const blank = Buffer.from(header).fill(' ', 148, 156);
  assert.equal(
    stated,
    blank.reduce((sum, byte) => sum + byte, 0),
  );
});

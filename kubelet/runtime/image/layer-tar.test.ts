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

describe('what a layer may not do', () => {
  const pax = (text: string, type = 'x') => {
    const body = Buffer.from(text);
    const header = buildHeader('PaxHeader', type);
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
    return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  };
  const withSize = (field: Buffer | string) => {
    const header = buildHeader('f', '0');
    header.fill(0, 124, 136).set(Buffer.from(field), 124);
    return header;
  };
  const file = buildHeader('f', '0');
  const refused: [string, Buffer[], RegExp][] = [
    ['a whiteout of nothing', [buildHeader('a/.wh.', '0')], /invalid whiteout name/],
    ['a whiteout of the folder itself', [buildHeader('a/.wh..', '0')], /invalid whiteout name/],
    ['a whiteout of the folder above', [buildHeader('a/.wh...', '0')], /invalid whiteout name/],
    ['a negative size', [withSize(Buffer.alloc(12, 0xff))], /size is none/],
    ['a size beyond numbers', [withSize(Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11, 0xff)]))], /size is none/],
    ['a size of letters', [withSize('garbage')], /size is none/],
    ['a pax size that is negative', [pax(paxRecord('size=-1')), file], /size is none/],
    ['a pax size in powers of ten', [pax(paxRecord('size=1e9')), file], /size is none/],
    ['a pax record longer than its header', [pax('99 path=x\n'), file], /malformed pax header/],
    ['a pax record without an end', [pax('8 path=xy'), file], /malformed pax header/],
    ['a pax record behind two blanks', [pax('15  path=.wh.x\n'), file], /malformed pax header/],
    ['an extension header that only tar knows', [pax(paxRecord('path=x'), 'X'), file], /header of Solaris/],
    ['many extensions of one entry', Array(5).fill(pax(paxRecord(`comment=${'c'.repeat(300_000)}`))), /too large/],
  ];
  for (const [name, blocks, why] of refused)
    test(name, () => assert.rejects(rewritten(Buffer.concat([...blocks, Buffer.alloc(1024)])), why));

  test('what follows a link, device or folder that states a size is an entry', async () => {
    const sized = [...'123456'].map((type) => {
      const header = buildHeader(`t${type}`, type);
      header.write('00000000512\0', 124, 12, 'latin1');
      return Buffer.concat([header, pax(paxRecord('SCHILY.xattr.trusted.overlay.opaque=y')), buildHeader('d', '5')]);
    });
    const bytes: Buffer[] = [];
    for await (const chunk of rewriteLayer(inChunks(Buffer.concat(sized), 512))) bytes.push(chunk);
    assert.doesNotMatch(Buffer.concat(bytes).toString('latin1'), /SCHILY/);
  });

  test('a name for all entries is not listened to', async () => {
    const entries = await rewritten(Buffer.concat([pax(paxRecord('path=../all'), 'g'), file, Buffer.alloc(1024)]));
    assert.deepEqual(
      entries.map((e) => e.name),
      ['f'],
    );
  });

  test("an attribute of overlayfs's own behind the same text in another record", async () => {
    const own = 'SCHILY.xattr.trusted.overlay.opaque=y';
    const [entry] = await rewritten(
      Buffer.concat([pax(paxRecord(`comment=${own}`) + paxRecord(own)), file, Buffer.alloc(1024)]),
    );
    assert.equal(entry!.pax['SCHILY.xattr.trusted.overlay.opaque'], undefined);
    assert.equal(entry!.pax.comment, own);
  });
});

test('the map of a sparse file passes, and a whiteout behind it counts', async () => {
  const header = buildHeader('sparse', 'S');
  header[482] = 1;
  const map = Buffer.alloc(512, 1);
  map[504] = 0;
  const tar = Buffer.concat([header, map, buildHeader('.wh.gone', '0'), Buffer.alloc(1024)]);
  const out: Buffer[] = [];
  for await (const chunk of rewriteLayer(inChunks(tar, 100))) out.push(chunk);
  assert.deepEqual(out[0], Buffer.concat([header, map]));
  assert.ok(Buffer.concat(out).includes('path=gone'));
});

test('a hard link that states the size of its file has no content', async () => {
  const link = buildHeader('hard', '1');
  link.write('00000001000\0', 124, 12, 'latin1');
  const out: Buffer[] = [];
  for await (const chunk of rewriteLayer(
    inChunks(Buffer.concat([link, buildHeader('.wh.x', '0'), Buffer.alloc(1024)]), 512),
  ))
    out.push(chunk);
  assert.ok(Buffer.concat(out).includes('path=x'));
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

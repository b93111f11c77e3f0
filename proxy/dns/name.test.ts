import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NameWriter, readName, splitName } from './name.ts';

test('names are written once and pointed at afterwards', () => {
  const writer = new NameWriter();
  for (const name of ['a.b.example', 'B.example', 'c.b.EXAMPLE', '']) writer.name(name);
  const bytes = writer.toBuffer();
  assert.equal(bytes.length, 13 + 2 + 4 + 1);
  assert.deepEqual(
    [0, 13, 15, 19].map((at) => readName(bytes, at).name),
    ['a.b.example', 'b.example', 'c.b.example', ''],
  );
});

test('what is taken back is not pointed at', () => {
  const writer = new NameWriter();
  writer.name('example');
  const before = writer.length;
  writer.name('gone.example');
  writer.truncate(before);
  writer.name('gone.example');
  assert.equal(readName(writer.toBuffer(), before).name, 'gone.example');
});

test('a dot inside a label is not the end of it', () => {
  const { name } = readName(Buffer.from('\x03a.b\x01\\\x01c\0', 'latin1'), 0);
  assert.equal(name, 'a\\.b.\\\\.c');
  assert.deepEqual(splitName(name), ['a.b', '\\', 'c']);
});

describe('malformed names', () => {
  const rows: Record<string, Buffer> = {
    'cut off': Buffer.from([3, 97]),
    'no end': Buffer.from([1, 97]),
    'pointer to itself': Buffer.from([0xc0, 0]),
    'pointer forward': Buffer.from([0xc0, 4, 0, 0, 1, 97, 0]),
    'half a pointer': Buffer.from([0xc0]),
    'reserved kind of label': Buffer.from([0x40, 0]),
    'too long': Buffer.concat([...Array.from({ length: 128 }, () => Buffer.from([1, 97])), Buffer.from([0])]),
  };
  for (const [name, bytes] of Object.entries(rows)) {
    test(name, () => assert.throws(() => readName(bytes, 0), RangeError));
  }
});

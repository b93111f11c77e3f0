// Image archives that nobody should have made: layers whose entries lead out of them, lie about
// their size or fill the disk; manifests, indexes and configurations of any form. Paths outside of
// a layer lead only to the folder that the caller names.
import { createHash } from 'node:crypto';
import { arch } from 'node:os';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { goArchitecture } from '../../machinery/architecture.ts';
import type { Draw } from '../environment/fuzz.ts';

export const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export interface RawEntry {
  name: string;
  type?: string;
  body?: Buffer;
  linkname?: string;
  /** The field of the size as it is to be, else the length of the body. */
  size?: Buffer;
  mode?: string;
}

const block = 512;
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((block - (bytes.length % block)) % block)]);

/** One entry of a tar, with whatever it claims. */
export function rawEntry({ name, type = '0', body = Buffer.alloc(0), linkname = '', size, mode }: RawEntry): Buffer {
  const header = Buffer.alloc(block);
  header.write(name, 0, 100, 'latin1');
  header.write(mode ?? '0000755', 100, 8, 'latin1');
  header.write('0000000\u00000000000\0', 108, 16, 'latin1');
  header.write(body.length.toString(8).padStart(11, '0'), 124, 12, 'latin1');
  size?.copy(header, 124);
  header.write('00000000000\0', 136, 12, 'latin1');
  header.write(type, 156, 1, 'latin1');
  header.write(linkname, 157, 100, 'latin1');
  header.write('ustar\u000000', 257, 8, 'latin1');
  header.write('0000001\u00000000003\0', 329, 16, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return Buffer.concat([header, padded(body)]);
}

const paxRecord = (text: string) => {
  let length = text.length + 3;
  while (String(length).length + text.length + 2 !== length) length = String(length).length + text.length + 2;
  return `${length} ${text}\n`;
};

/** Names of entries and targets of links. */
function drawName(draw: Draw, outside: string): string {
  const up = '../'.repeat(12);
  return draw.of([
    () => draw.of(['a', 'a/b', 'a/b/c', 'lnk', 'lnk/x', 'etc/passwd', 'hard', './d/', 'e/', '.', '', './', '/']),
    () => draw.of(['..', '../x', 'a/../../x', 'a/./b', 'a//b', '\0', 'a\0b', '\xff\xfe', 'new\nline', '-rf', '~']),
    () => draw.of([`${outside}/keep`, `${outside}/new`, `${up}${outside.slice(1)}/new`, `a/${up}${outside}/keep`]),
    () => draw.of(['.wh.a', 'a/.wh.b', '.wh.', '.wh..', 'a/.wh...', '.wh..wh..opq', 'a/.wh..wh..opq', '.wh..wh.plnk']),
    () => draw.of(['lnk/.wh.keep', 'lnk/.wh..wh..opq', `${outside}/.wh.keep`, '.wh../x', `lnk/${up}x`]),
    () => 'n'.repeat(draw.of([99, 100, 255, 256])),
  ])();
}

function drawBody(draw: Draw): Buffer {
  return draw.of([
    () => Buffer.alloc(0),
    () => draw.bytes(draw.below(700)),
    () => Buffer.alloc(draw.below(20_000), 7),
  ])();
}

/** A size that is not that of the body: beyond what there is, negative, no number. */
const lies = ['77777777777', '-0000000001', '99999999999', 'x', '', '00000001000'].map((text) =>
  Buffer.from(`${text}\0`),
);
const binaryLies = [
  '80000000000000007fffffff',
  'ffffffffffffffffffffffff',
  '80ffffffffffffffffffffff',
  '8000000000000000ffffffff',
];

function drawPax(draw: Draw, outside: string): Buffer {
  const overlay = 'SCHILY.xattr.trusted.overlay.';
  const records = draw.many(5, () =>
    draw.of([
      () => `path=${drawName(draw, outside)}`,
      () => `linkpath=${drawName(draw, outside)}`,
      () => `size=${draw.of(['0', '-1', '1e9', '99999999999999999999', '5', '', 'x'])}`,
      () => draw.of([`${overlay}redirect=/`, `${overlay}opaque=y`, `comment=${overlay}opaque=y`]),
      () => draw.of(['SCHILY.xattr.user.a=b', 'mtime=-1e99', 'uid=-1', 'gid=99999999999', 'GNU.sparse.major=1']),
      () => draw.of(['GNU.sparse.name=../../x', 'GNU.sparse.realsize=99999999999', 'GNU.sparse.map=0,1,99999999,1']),
      () => `path=${'p/'.repeat(draw.of([100, 2_000, 3_000]))}x`,
    ])(),
  );
  const body = Buffer.from(records.map(paxRecord).join(''), 'latin1');
  return rawEntry({
    name: 'PaxHeaders/x',
    type: draw.of(['x', 'x', 'x', 'g']),
    body: draw.chance(0.1) ? draw.mutate(body) : body,
  });
}

function drawEntry(draw: Draw, outside: string): Buffer {
  const size = draw.chance(0.02) ? draw.of([...lies, ...binaryLies.map((hex) => Buffer.from(hex, 'hex'))]) : undefined;
  const type = draw.of([...(draw.chance(0.1) ? '7SVMDz\0' : '00000112255555346')]);
  const entry = rawEntry({
    name: drawName(draw, outside),
    type,
    body: '0\u00007S'.includes(type) || draw.chance(0.05) ? drawBody(draw) : Buffer.alloc(0),
    linkname: draw.chance(0.5) ? drawName(draw, outside) : outside,
    ...(size ? { size } : {}),
    mode: draw.chance(0.03) ? draw.of(['garbage', '-1']) : draw.of(['0000755', '0004755', '0000000', '7777777']),
  });
  const longName = () =>
    rawEntry({
      name: '././@LongLink',
      type: draw.of(['L', 'K']),
      body: Buffer.from(`${drawName(draw, outside)}\0`, 'latin1'),
    });
  const before = [...(draw.chance(0.3) ? [drawPax(draw, outside)] : []), ...(draw.chance(0.1) ? [longName()] : [])];
  return Buffer.concat([...before, entry]);
}

/** A folder deeper than any path: each link leads further down. */
function deepTree(): Buffer[] {
  const step = 'd/'.repeat(45);
  const entries: Buffer[] = [];
  for (let i = 0; i < 60; i++) {
    const at = i === 0 ? '' : `l${i - 1}/`;
    entries.push(
      rawEntry({ name: `${at}${step}`, type: '5' }),
      rawEntry({ name: `l${i}`, type: '2', linkname: `${at}${step}` }),
    );
  }
  return entries;
}

/** Layers that are small only as they come: more bytes, or more files, than the disk has. */
const bombs = {
  bytes: () => [rawEntry({ name: 'zeros', size: Buffer.from('00060000000\0'), body: Buffer.alloc(96 << 20) })],
  files: () => Array.from({ length: 30_000 }, (_, i) => rawEntry({ name: `f/${i}` })),
  folders: () => Array.from({ length: 10_000 }, (_, i) => rawEntry({ name: `f${i}/`, type: '5' })),
  headers: () =>
    Array.from({ length: 60 }, () =>
      rawEntry({ name: 'x', type: 'x', body: Buffer.from(paxRecord(`comment=${'c'.repeat(1_000_000)}`)) }),
    ),
};
const made = new Map<string, Buffer>();

export function drawLayer(draw: Draw, outside: string): Buffer {
  const end = Buffer.alloc(2 * block);
  if (draw.chance(0.03)) {
    const name = draw.of(Object.keys(bombs) as (keyof typeof bombs)[]);
    if (!made.has(name)) made.set(name, Buffer.concat([...bombs[name](), end]));
    return made.get(name)!;
  }
  const entries = draw.chance(0.1) ? deepTree() : draw.many(12, () => drawEntry(draw, outside));
  if (draw.chance(0.1)) entries.push(...entries);
  const tar = Buffer.concat([...entries, end]);
  if (draw.chance(0.05)) return draw.mutate(tar);
  return draw.chance(0.03) ? tar.subarray(0, draw.below(tar.length)) : tar;
}

export function drawCompressed(draw: Draw, tar: Buffer): Buffer {
  const packed = draw.of([() => tar, () => gzipSync(tar, { level: 1 }), () => zstdCompressSync(tar)])();
  return draw.chance(0.02) && packed.length < 1 << 20 ? draw.mutate(packed) : packed;
}

const anything = [null, 0, -1, 1e300, '', 'text', [], {}, [null], [1, 'a'], { a: 1 }, [[]], true, 'x'.repeat(5_000)];

/** The value, and now and then something else in its place. */
const orAnything = (draw: Draw, value: unknown, p = 0.008) => (draw.chance(p) ? draw.of(anything) : value);

export function drawConfig(draw: Draw, tars: readonly Buffer[]): Buffer {
  const diffIds = orAnything(
    draw,
    tars.map((tar) => orAnything(draw, digestOf(tar), 0.02)),
  );
  const config: Record<string, unknown> = {
    Entrypoint: orAnything(draw, ['sh']),
    Cmd: orAnything(draw, ['-c', 'true']),
    Env: orAnything(draw, ['A=b']),
    User: orAnything(draw, '0'),
    WorkingDir: orAnything(draw, '/'),
    StopSignal: orAnything(draw, 'SIGTERM'),
    Labels: orAnything(draw, { a: 'b' }),
    Volumes: orAnything(draw, { '/v': {} }),
  };
  const rootfs = orAnything(draw, { type: 'layers', diff_ids: diffIds });
  const architecture = orAnything(draw, goArchitecture(arch()));
  const bytes = Buffer.from(
    JSON.stringify({ architecture, os: orAnything(draw, 'linux'), config: orAnything(draw, config), rootfs }),
  );
  return draw.chance(0.03) ? draw.mutate(bytes) : bytes;
}

export interface DrawnImage {
  blobs: Map<string, Buffer>;
  /** Of a manifest, or an index of one. */
  top: { digest: string; size: number; [key: string]: unknown };
  config: { digest: string };
  layers: { digest: string }[];
}

export function drawImage(draw: Draw, outside: string): DrawnImage {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer) => {
    blobs.set(digestOf(bytes), bytes);
    const wrong = () =>
      draw.of([`sha256:../../../../../../..${outside}/new`, 'x', '', `sha256:${'0'.repeat(64)}`, 'md5:aa', 5]);
    const digest = (draw.chance(0.02) ? wrong() : digestOf(bytes)) as string;
    return { digest, size: orAnything(draw, bytes.length, 0.02) as number };
  };
  const tars = draw.many(4, () => drawLayer(draw, outside));
  const layers = tars.map((tar) => put(drawCompressed(draw, tar)));
  const config = put(drawConfig(draw, tars));
  const json = (value: object) => {
    const bytes = Buffer.from(JSON.stringify(value));
    return draw.chance(0.03) ? draw.mutate(bytes) : bytes;
  };
  let top = put(json({ schemaVersion: 2, config: orAnything(draw, config), layers: orAnything(draw, layers) }));
  for (let depth = draw.of([0, 0, 0, 0, 0, 0, 1, 1, 2]); depth > 0; depth--)
    top = put(json({ manifests: orAnything(draw, [top]) }));
  return { blobs, top, config, layers };
}

/** An archive as OCI tools, or docker, write it. */
export function drawArchive(draw: Draw, outside: string): Buffer {
  const image = drawImage(draw, outside);
  const name = draw.chance(0.05)
    ? draw.of(['', 'BAD//x', 5, `${'n'.repeat(300)}:1`])
    : draw.of(['docker.io/library/fuzz:1', 'fuzz', 'fuzz:2']);
  const pathOf = (digest: unknown) => `blobs/${String(digest).replace(':', '/')}`;
  const index = { manifests: [{ ...image.top, annotations: orAnything(draw, { 'io.containerd.image.name': name }) }] };
  const path = (digest: string) => (draw.chance(0.01) ? drawName(draw, outside) : pathOf(digest));
  const docker = [
    { Config: path(image.config.digest), Layers: image.layers.map((l) => path(l.digest)), RepoTags: [name] },
  ];
  const documents: RawEntry[] = draw.chance(0.5)
    ? [{ name: 'index.json', body: Buffer.from(JSON.stringify(orAnything(draw, index))) }]
    : [{ name: 'manifest.json', body: Buffer.from(JSON.stringify(orAnything(draw, docker))) }];
  const files: RawEntry[] = [...image.blobs].map(([digest, body]) => ({ name: pathOf(digest), body }));
  const entries = [...documents, ...files].map((entry) => {
    // In the place of a file: a link, a pipe, a device.
    if (!draw.chance(0.01)) return rawEntry(entry);
    return rawEntry({
      name: entry.name,
      type: draw.of(['1', '2', '3', '4', '5', '6']),
      linkname: drawName(draw, outside),
    });
  });
  if (draw.chance(0.05)) entries.push(drawEntry(draw, outside));
  const tar = Buffer.concat([...entries, Buffer.alloc(2 * block)]);
  return drawCompressed(draw, tar.length < 1 << 20 && draw.chance(0.05) ? draw.mutate(tar) : tar);
}

// Layers as overlayfs wants them. A layer's tar marks removals with files called `.wh.name`, and "nothing from below"
// with `.wh..wh..opq`; overlayfs wants a character device 0:0, and an extended attribute of the directory. This rewrites
// the tar on its way into `tar -x`, touching only those entries, so that owners, capabilities and sparse files pass
// through as they are. Attributes in overlayfs's own namespace are dropped: an image has no business setting them.

const blockSize = 512;
/** Names and attributes of one entry, which are held in memory. */
const maxExtensionBytes = 4 << 20;
const zeroBlock = Buffer.alloc(blockSize);
const opaqueRecord = 'SCHILY.xattr.trusted.overlay.opaque=y';
const reservedPrefix = 'SCHILY.xattr.trusted.overlay.';

const typeFlag = { file: '0', charDevice: '3', directory: '5', pax: 'x', gnuLongName: 'L', gnuLongLink: 'K' };

/** Reads exact amounts from an iterable of chunks. */
class ByteReader {
  #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `size` bytes, as they come; null at the end. */
  async some(size: number): Promise<Buffer | null> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done) return null;
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const piece = this.#chunk.subarray(0, size);
    this.#chunk = this.#chunk.subarray(piece.length);
    return piece;
  }

  /** Exactly `size` bytes, or null when the input ends before the first of them. */
  async exactly(size: number): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    for (let have = 0; have < size; ) {
      const piece = await this.some(size - have);
      if (!piece) {
        if (have === 0) return null;
        throw new Error('the layer ends in the middle of an entry');
      }
      pieces.push(piece);
      have += piece.length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }
}

const paddedSize = (size: number) => Math.ceil(size / blockSize) * blockSize;
const textOf = (block: Buffer, from: number, length: number) => {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
};

/** A number field: octal digits, or base 256 when the first bit is set. */
function numberOf(block: Buffer, from: number, length: number): number {
  if (block[from]! & 0x80) return Number(BigInt(`0x${block.toString('hex', from + 1, from + length)}`));
  return Number.parseInt(textOf(block, from, length).trim() || '0', 8);
}

/** A header block for an entry without content, its other fields as in `like`. */
export function buildHeader(name: string, type: string, like?: Buffer): Buffer {
  const block = Buffer.from(like ?? zeroBlock);
  const put = (text: string, at: number, length: number) => {
    block.fill(0, at, at + length);
    block.write(text, at, length, 'utf8');
  };
  put(name, 0, 100);
  if (!like) put('0000755\0', 100, 8);
  if (!like) for (const at of [108, 116]) put('0000000\0', at, 8);
  put('00000000000\0', 124, 12);
  if (!like) put('00000000000\0', 136, 12);
  put(type, 156, 1);
  put('', 157, 100);
  put('ustar\u000000', 257, 8);
  put('0000000\0', 329, 8);
  put('0000000\0', 337, 8);
  put('', 345, 155);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return block;
}

/** A pax record carries its own length in decimal. */
export function paxRecord(text: string): string {
  const body = Buffer.byteLength(text) + 2;
  let length = body + 1;
  while (String(length).length + body !== length) length = String(length).length + body;
  return `${length} ${text}\n`;
}

function buildPax(records: readonly string[]): Buffer {
  const content = Buffer.from(records.map(paxRecord).join(''));
  const header = buildHeader('PaxHeader', typeFlag.pax);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return Buffer.concat([header, content, Buffer.alloc(paddedSize(content.length) - content.length)]);
}

/** Splits the content of a pax header into `key=value` records, as bytes. */
export function splitPax(content: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, space));
    if (space < 0 || !(length > 0)) throw new Error('the layer has a malformed pax header');
    records.push(content.subarray(space + 1, at + length - 1));
    at += length;
  }
  return records;
}

interface Extension {
  raw: Buffer;
  path?: string;
  size?: number;
}

/** Reads the extension headers' meaning: a long name, a size, and reserved attributes blotted out. */
function readExtension(type: string, header: Buffer, content: Buffer, size: number): Extension {
  const raw = Buffer.concat([header, content]);
  if (type === typeFlag.gnuLongName) return { raw, path: content.toString('utf8', 0, size).replace(/\0+$/, '') };
  if (type !== typeFlag.pax) return { raw };
  const out: Extension = { raw };
  for (const record of splitPax(content.subarray(0, size))) {
    const text = record.toString('latin1');
    if (text.startsWith('path=')) out.path = record.toString('utf8', 5);
    if (text.startsWith('size=')) out.size = Number(text.slice(5));
    // Same length, another name: tar ignores keys it does not know.
    if (text.startsWith(reservedPrefix)) raw.write('IGNORED', raw.indexOf(record), 'latin1');
  }
  return out;
}

const cleanPath = (path: string) => path.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '');

/** What a name in a layer means: an ordinary entry, a removal, an opaque directory, or aufs's own bookkeeping. */
export function classifyEntry(path: string): { kind: 'plain' | 'removed' | 'opaque' | 'skip'; path: string } {
  const clean = cleanPath(path);
  const slash = clean.lastIndexOf('/');
  const [dir, base] = [slash < 0 ? '' : clean.slice(0, slash), clean.slice(slash + 1)];
  if (base === '.wh..wh..opq') return { kind: 'opaque', path: dir || '.' };
  if (base.startsWith('.wh..wh.')) return { kind: 'skip', path: clean };
  if (!base.startsWith('.wh.')) return { kind: 'plain', path: clean };
  return { kind: 'removed', path: dir ? `${dir}/${base.slice(4)}` : base.slice(4) };
}

/** Rewrites the tar of a layer, chunk by chunk. Throws an Error when it is malformed. */
export async function* rewriteLayer(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  const directories = new Map<string, Buffer>();
  let extensions: Extension[] = [];
  for (;;) {
    const header = await reader.exactly(blockSize);
    if (!header || header.equals(zeroBlock)) break;
    const type = String.fromCharCode(header[156]!);
    const ownSize = numberOf(header, 124, 12);
    if (type === typeFlag.pax || type === typeFlag.gnuLongName || type === typeFlag.gnuLongLink) {
      if (!(ownSize <= maxExtensionBytes)) throw new Error('the layer has an extension header that is too large');
      const content = await reader.exactly(paddedSize(ownSize));
      extensions.push(readExtension(type, header, content ?? Buffer.alloc(0), ownSize));
      continue;
    }
    const prefix = textOf(header, 257, 5) === 'ustar' && header[263] === 0x30 ? textOf(header, 345, 155) : '';
    const name = textOf(header, 0, 100);
    const path = extensions.findLast((e) => e.path !== undefined)?.path ?? (prefix ? `${prefix}/${name}` : name);
    const size = extensions.findLast((e) => e.size !== undefined)?.size ?? ownSize;
    const entry = classifyEntry(path);
    if (entry.kind === 'plain') {
      if (type === typeFlag.directory) directories.set(entry.path, Buffer.from(header));
      for (const extension of extensions) yield extension.raw;
      yield header;
    } else if (entry.kind === 'removed') {
      yield Buffer.concat([buildPax([`path=${entry.path}`]), buildHeader('removed', typeFlag.charDevice)]);
    } else if (entry.kind === 'opaque') {
      const dir = buildHeader('opaque/', typeFlag.directory, directories.get(entry.path));
      yield Buffer.concat([buildPax([`path=${entry.path}/`, opaqueRecord]), dir]);
    }
    extensions = [];
    for (let left = paddedSize(size); left > 0; ) {
      const piece = await reader.some(left);
      if (!piece) throw new Error('the layer ends in the middle of a file');
      left -= piece.length;
      if (entry.kind === 'plain') yield piece;
    }
  }
  yield Buffer.concat([zeroBlock, zeroBlock]);
  // What follows the end mark still counts for the digest of the layer.
  while (await reader.some(1 << 16));
}

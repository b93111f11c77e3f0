// Layers as overlayfs wants them. A layer's tar marks removals with files called `.wh.name`, and
// "nothing from below" with `.wh..wh..opq`; overlayfs wants a character device 0:0, and an extended
// attribute of the directory. This rewrites the tar on its way into `tar -x`, touching only those
// entries, so that owners, capabilities and sparse files pass through as they are. Attributes in
// overlayfs's own namespace are dropped: an image has no business setting them.

const blockSize = 512;
/** Names and attributes of one entry, which are held in memory. As much as Go's tar reader takes. */
const maxExtensionBytes = 1 << 20;
/** Directories whose headers are kept, for the mark that may follow. */
const maxDirectories = 100_000;
const zeroBlock = Buffer.alloc(blockSize);
const opaqueRecord = 'SCHILY.xattr.trusted.overlay.opaque=y';
const reservedPrefix = 'SCHILY.xattr.trusted.overlay.';

const typeFlag = {
  charDevice: '3',
  directory: '5',
  pax: 'x',
  paxSolaris: 'X',
  paxGlobal: 'g',
  gnuLongName: 'L',
  gnuLongLink: 'K',
  gnuSparse: 'S',
};
/** Links, devices, directories, pipes: a size that they state is of something that does not follow. */
const withoutContent = '123456';
const extensionTypes: string[] = [typeFlag.pax, typeFlag.paxGlobal, typeFlag.gnuLongName, typeFlag.gnuLongLink];

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

/** A size: octal digits, or base 256 when the first bit is set. */
function sizeOf(block: Buffer): number {
  const [from, length] = [124, 12];
  const digits = textOf(block, from, length).trim();
  if (block[from] === 0x80) return checkSize(Number(BigInt(`0x${block.toString('hex', from + 1, from + length)}`)));
  return checkSize(/^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN);
}

function checkSize(size: number): number {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new Error('the layer has an entry whose size is none');
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
  return writeChecksum(block);
}

function writeChecksum(header: Buffer): Buffer {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return header;
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
  return Buffer.concat([writeChecksum(header), content, Buffer.alloc(paddedSize(content.length) - content.length)]);
}

/** Splits the content of a pax header into `key=value` records, as parts of its bytes. */
export function splitPax(content: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    // tar would skip more blanks than one.
    const digits = /^\d{1,9} (?![ \t])/.exec(content.toString('latin1', at, at + 11))?.[0] ?? '';
    const end = at + Number(digits);
    if (digits === '' || end < at + digits.length + 2 || content[end - 1] !== 0x0a)
      throw new Error('the layer has a malformed pax header');
    records.push(content.subarray(at + digits.length, end - 1));
    at = end;
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
  for (const record of splitPax(raw.subarray(blockSize, blockSize + size))) {
    const text = record.toString('latin1');
    if (text.startsWith('path=')) out.path = record.toString('utf8', 5);
    if (text.startsWith('size=')) out.size = checkSize(/^size=\d+$/.test(text) ? Number(text.slice(5)) : Number.NaN);
    // Same length, another name: tar ignores keys it does not know. The record is a part of `raw`.
    if (text.startsWith(reservedPrefix)) record.write('IGNORED', 'latin1');
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
  if (['', '.', '..'].includes(base.slice(4))) throw new Error(`invalid whiteout name: ${base}`);
  return { kind: 'removed', path: dir ? `${dir}/${base.slice(4)}` : base.slice(4) };
}

/** What is told of directories, to tell it again with their mark. */
class Directories {
  #headers = new Map<string, Buffer>();
  #areAll = true;

  add(path: string, header: Buffer): void {
    this.#areAll &&= this.#headers.size < maxDirectories;
    if (this.#areAll) this.#headers.set(path, Buffer.from(header));
  }

  get(path: string): Buffer | undefined {
    const header = this.#headers.get(path);
    if (!header && !this.#areAll)
      throw new Error('the layer has too many directories before one that hides those below');
    return header;
  }
}

/** Reads the extension headers before an entry, and the entry's own: undefined at the end. */
async function readHeaders(reader: ByteReader): Promise<{ extensions: Extension[]; header: Buffer } | undefined> {
  const extensions: Extension[] = [];
  let room = maxExtensionBytes;
  for (;;) {
    const header = await reader.exactly(blockSize);
    if (!header || header.equals(zeroBlock)) return undefined;
    const type = String.fromCharCode(header[156]!);
    // tar listens to it, and nobody else.
    if (type === typeFlag.paxSolaris) throw new Error('the layer has an extension header of Solaris');
    if (!extensionTypes.includes(type)) return { extensions, header };
    const size = sizeOf(header);
    room -= blockSize + size;
    if (room < 0) throw new Error('the layer has an extension header that is too large');
    const content = (await reader.exactly(paddedSize(size))) ?? Buffer.alloc(0);
    // What is said of all entries at once is not for layers, and other runtimes do not listen to it either.
    if (type !== typeFlag.paxGlobal) extensions.push(readExtension(type, header, content, size));
  }
}

/** The blocks behind the header of a sparse file, which say where its holes are. They do not count for its size. */
async function readSparseMap(reader: ByteReader, header: Buffer): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  for (let isMore = header[482] !== 0; isMore; ) {
    const block = await reader.exactly(blockSize);
    if (!block || blocks.length * blockSize >= maxExtensionBytes)
      throw new Error('the layer has a malformed sparse file');
    blocks.push(block);
    isMore = block[504] !== 0;
  }
  return blocks;
}

function nameOf(header: Buffer): string {
  const prefix = textOf(header, 257, 5) === 'ustar' && header[263] === 0x30 ? textOf(header, 345, 155) : '';
  const name = textOf(header, 0, 100);
  return prefix ? `${prefix}/${name}` : name;
}

/** Rewrites the tar of a layer, chunk by chunk. Throws an Error when it is malformed. */
export async function* rewriteLayer(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  const directories = new Directories();
  for (let read = await readHeaders(reader); read; read = await readHeaders(reader)) {
    const { extensions, header } = read;
    const type = String.fromCharCode(header[156]!);
    const entry = classifyEntry(extensions.findLast((e) => e.path !== undefined)?.path ?? nameOf(header));
    const stated = extensions.findLast((e) => e.size !== undefined)?.size ?? sizeOf(header);
    const size = withoutContent.includes(type) ? 0 : stated;
    const sparse = type === typeFlag.gnuSparse ? await readSparseMap(reader, header) : [];
    if (entry.kind === 'plain') {
      if (type === typeFlag.directory) directories.add(entry.path, header);
      yield Buffer.concat([...extensions.map((e) => e.raw), header, ...sparse]);
    } else if (entry.kind === 'removed') {
      yield Buffer.concat([buildPax([`path=${entry.path}`]), buildHeader('removed', typeFlag.charDevice)]);
    } else if (entry.kind === 'opaque') {
      const dir = buildHeader('opaque/', typeFlag.directory, directories.get(entry.path));
      yield Buffer.concat([buildPax([`path=${entry.path}/`, opaqueRecord]), dir]);
    }
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

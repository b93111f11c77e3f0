// Names in DNS messages: labels with their lengths, and pointers to where the rest of a name was
// written before. A name is a text of labels joined by dots, without one at the end; a dot or
// backslash inside a label has a backslash before it. RFC 1035, sections 3.1 and 4.1.4.

const maxNameBytes = 255;
const maxLabelBytes = 63;
const maxPointers = 32;
const pointerTag = 0xc000;

export interface ReadName {
  name: string;
  /** Where what follows the name begins. */
  end: number;
  isCompressed: boolean;
}

/** Reads a name. Throws RangeError when it is malformed. */
export function readName(message: Buffer, offset: number): ReadName {
  const labels: string[] = [];
  let at = offset;
  let end: number | undefined;
  let bytes = 1;
  let pointers = 0;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) {
      const to = message.readUInt16BE(at) & 0x3fff;
      end ??= at + 2;
      // Pointers lead back only, so that they cannot go in circles.
      if (to >= at || ++pointers > maxPointers) throw new RangeError('a bad pointer in a name');
      at = to;
    } else if (length > maxLabelBytes) {
      throw new RangeError('a bad label in a name');
    } else if (length === 0) {
      return { name: labels.join('.'), end: end ?? at + 1, isCompressed: end !== undefined };
    } else {
      bytes += length + 1;
      if (bytes > maxNameBytes || at + 1 + length > message.length) throw new RangeError('a name is too long');
      labels.push(message.toString('latin1', at + 1, at + 1 + length).replace(/[.\\]/g, '\\$&'));
      at += length + 1;
    }
  }
}

/** Where what follows a name begins, without reading what it points at. Throws RangeError when it is malformed. */
export function skipName(message: Buffer, offset: number): number {
  for (let at = offset; ; ) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) return at + 2;
    if (length > maxLabelBytes) throw new RangeError('a bad label in a name');
    if (length === 0) return at + 1;
    at += length + 1;
    if (at - offset > maxNameBytes) throw new RangeError('a name is too long');
  }
}

/** The labels of a name. */
export function splitName(name: string): string[] {
  if (name === '') return [];
  if (!name.includes('\\')) return name.split('.');
  return [...name.matchAll(/(?:[^.\\]|\\.)+/gs)].map((match) => match[0].replace(/\\(.)/gs, '$1'));
}

/** Collects the bytes of a message and remembers where names are, to point at them. */
export class NameWriter {
  #buffer = Buffer.alloc(512);
  #length = 0;
  #offsets = new Map<string, number>();

  get length(): number {
    return this.#length;
  }

  toBuffer(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value >>> 0, this.#length);
  }

  setUint16(offset: number, value: number): void {
    this.#buffer.writeUInt16BE(value, offset);
  }

  /** Takes back everything from an offset on. */
  truncate(length: number): void {
    this.#length = length;
    for (const [suffix, offset] of this.#offsets) if (offset >= length) this.#offsets.delete(suffix);
  }

  /** Writes a question as it came and remembers its name. */
  question(bytes: Uint8Array, name: string): void {
    let at = this.#length;
    this.bytes(bytes);
    const labels = splitName(name);
    labels.forEach((label, i) => {
      this.#remember(labels.slice(i), at);
      at += label.length + 1;
    });
  }

  /** Writes a name, as short as possible. */
  name(name: string): void {
    const labels = splitName(name);
    for (let i = 0; i < labels.length; i++) {
      const known = this.#offsets.get(suffixKey(labels.slice(i)));
      if (known !== undefined) {
        this.uint16(pointerTag | known);
        return;
      }
      this.#remember(labels.slice(i), this.#length);
      this.#label(labels[i]!);
    }
    this.bytes(Buffer.from([0]));
  }

  plainName(name: string): void {
    for (const label of splitName(name)) this.#label(label);
    this.bytes(Buffer.from([0]));
  }

  #label(label: string): void {
    const bytes = Buffer.from(label, 'latin1').subarray(0, maxLabelBytes);
    this.bytes(Buffer.from([bytes.length]));
    this.bytes(bytes);
  }

  #remember(labels: readonly string[], offset: number): void {
    const key = suffixKey(labels);
    if (offset < 0x4000 && !this.#offsets.has(key)) this.#offsets.set(key, offset);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = Buffer.alloc(2 * (this.#length + count));
    this.#buffer.copy(grown);
    this.#buffer = grown;
  }
}

// A zero byte cannot be confused with a dot inside a label.
const suffixKey = (labels: readonly string[]) => labels.join('\0').toLowerCase();

// Writes protobuf from its end to its beginning, as Kubernetes' generated code does: the length of a
// message is known when it is written, so nothing is measured first and nothing moved.
// https://protobuf.dev/programming-guides/encoding/
const initialBytes = 64 * 1024;
const keptBytes = 1024 * 1024;
const shortText = 32;

export class WireWriter {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  /** Where the written part begins. */
  #at = initialBytes;

  /** How much has been written: the difference of two is the length of what came between. */
  get written(): number {
    return this.#bytes.length - this.#at;
  }

  /** A copy of what was written, and an empty writer again. */
  take(): Buffer {
    const out = Buffer.from(this.#bytes.subarray(this.#at));
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.#at = this.#bytes.length;
    return out;
  }

  /** Forgets what was written, after an error. */
  reset(): void {
    this.#at = this.#bytes.length;
  }

  #reserve(count: number): void {
    if (this.#at >= count) return;
    const { written } = this;
    const bigger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, written + count));
    this.#bytes.copy(bigger, bigger.length - written, this.#at);
    this.#at = bigger.length - written;
    this.#bytes = bigger;
  }

  /** A whole number from 0 to 2^53. */
  uint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#bytes[--this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    this.#reserve(size);
    this.#at -= size;
    let at = this.#at;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[at++] = (rest % 0x80) | 0x80;
    this.#bytes[at] = rest;
  }

  /** An int32 or int64; a negative one takes ten bytes, as two's complement of 64 bits. */
  int(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0) {
      this.uint(value);
      return;
    }
    const digits: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) digits.push(Number(rest & 0x7fn) | 0x80);
    digits.push(Number(rest));
    this.raw(Buffer.from(digits));
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** The bytes alone. */
  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#at -= bytes.length;
    bytes.copy(this.#bytes, this.#at);
  }

  /** The bytes with their length before them. */
  bytes(bytes: Buffer): void {
    this.raw(bytes);
    this.uint(bytes.length);
  }

  /** UTF-8 with its length. */
  text(text: string): void {
    if (text.length > shortText || !this.#ascii(text)) {
      const length = Buffer.byteLength(text);
      this.#reserve(length);
      this.#at -= length;
      this.#bytes.write(text, this.#at, length, 'utf8');
      this.uint(length);
      return;
    }
    this.uint(text.length);
  }

  /** Short texts are written here: a call into native code costs more. False, and nothing done: not ASCII. */
  #ascii(text: string): boolean {
    this.#reserve(text.length);
    const start = this.#at - text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      this.#bytes[start + i] = code;
    }
    this.#at = start;
    return true;
  }
}

// Writing never waits, so one is enough.
const shared = new WireWriter();

/** What `write` writes, from its end to its beginning. */
export function written(write: (w: WireWriter) => void): Buffer {
  try {
    write(shared);
    return shared.take();
  } catch (err) {
    shared.reset();
    throw err;
  }
}

// DNS over TCP: every message has its length before it (RFC 1035, section 4.2.2).

export function frame(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(message.length + 2);
  out.writeUInt16BE(message.length, 0);
  message.copy(out, 2);
  return out;
}

/**
 * Cuts a stream of bytes into messages. What is not a whole one yet is joined once it is: bytes may
 * come one by one.
 */
export class FrameReader {
  #pieces: Buffer[] = [];
  #size = 0;
  /** Bytes of the message that is coming, with its length; until both bytes of that are there, just these. */
  #wanted = 2;

  push(chunk: Buffer): Buffer[] {
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    const messages: Buffer[] = [];
    if (this.#size < this.#wanted) return messages;
    let rest = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces);
    this.#wanted = 2;
    while (rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0);
      if (rest.length < end) {
        this.#wanted = end;
        break;
      }
      messages.push(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    return messages;
  }
}

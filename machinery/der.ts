// Reads DER, the encoding of certificates and requests for them: values as views into the bytes.
// Nothing is copied, and every length is held against what is there.
// https://www.itu.int/rec/T-REC-X.690

export class DerError extends Error {}

export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

export interface DerValue {
  tag: number;
  /** The value without tag and length. */
  content: Uint8Array;
  /** All of it. */
  whole: Uint8Array;
}

/** The value that begins at an offset. */
function readAt(bytes: Uint8Array, at: number): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('asn1: syntax error: truncated tag or length');
  if ((tag & 0x1f) === 0x1f) throw new DerError('asn1: structure error: tags of several bytes are not used here');
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0) throw new DerError('asn1: syntax error: indefinite length found (not DER)');
    if (count > 4) throw new DerError('asn1: structure error: length too large');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('asn1: syntax error: data truncated');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** One value and nothing after it. */
export function readDer(bytes: Uint8Array): DerValue {
  const value = readAt(bytes, 0);
  if (value.whole.length < bytes.length) throw new DerError('asn1: syntax error: trailing data');
  return value;
}

/** The values inside of one. */
export function childrenOf(value: DerValue): DerValue[] {
  const out: DerValue[] = [];
  for (let at = 0; at < value.content.length; ) {
    const child = readAt(value.content, at);
    out.push(child);
    at += child.whole.length;
  }
  return out;
}

/** The value has this tag; its children. */
export function expect(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag !== tag) throw new DerError("asn1: structure error: tags don't match");
  return value;
}

/** `1.2.840.10045.4.3.2` */
export function oidOf(value: DerValue): string {
  const parts: number[] = [];
  let current = 0;
  for (const byte of expect(value, tags.oid).content) {
    current = current * 128 + (byte & 0x7f);
    if (current > Number.MAX_SAFE_INTEGER / 256)
      throw new DerError('asn1: structure error: base 128 integer too large');
    if (byte & 0x80) continue;
    if (parts.length === 0)
      parts.push(Math.min(2, Math.floor(current / 40)), current - 40 * Math.min(2, Math.floor(current / 40)));
    else parts.push(current);
    current = 0;
  }
  return parts.join('.');
}

/** Text of a string value, whatever its type. */
export function textOf(value: DerValue): string {
  // A BMPString has two bytes a character.
  return new TextDecoder(value.tag === 0x1e ? 'utf-16be' : 'utf-8').decode(value.content);
}

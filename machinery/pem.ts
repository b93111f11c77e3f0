// PEM text: blocks of base64 between BEGIN and END lines, among anything else.
// https://www.rfc-editor.org/rfc/rfc7468

export interface PemBlock {
  /** `CERTIFICATE` */
  type: string;
  hasHeaders: boolean;
  bytes: Uint8Array;
}

const begin = /^-----BEGIN ([^\r\n-]*)-----[ \t]*$/;

/** The well-formed blocks of a text, in order; linear in its length. */
export function readPem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { type: string; lines: string[] } | undefined;
  for (const line of text.split(/\r?\n/)) {
    const type = begin.exec(line)?.[1];
    if (type !== undefined) open = { type, lines: [] };
    else if (open && line.trimEnd() === `-----END ${open.type}-----`) {
      const block = toBlock(open.type, open.lines);
      if (block) blocks.push(block);
      open = undefined;
    } else open?.lines.push(line.trim());
  }
  return blocks;
}

function toBlock(type: string, lines: readonly string[]): PemBlock | undefined {
  const firstPlain = lines.findIndex((line) => !line.includes(':'));
  const hasHeaders = firstPlain > 0;
  const base64 = lines.slice(Math.max(0, firstPlain)).join('');
  const bytes = bytesOfBase64(base64);
  return bytes && { type, hasHeaders, bytes };
}

/** The bytes of a base64 text; undefined where it is none. */
function bytesOfBase64(base64: string): Uint8Array | undefined {
  try {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    // A loop takes a tenth of the time of Uint8Array.from, which goes through an iterator.
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  } catch {
    return undefined;
  }
}

/** The PEM text in a field of bytes. */
export function pemOfField(base64: string): string {
  const bytes = bytesOfBase64(base64);
  return bytes ? new TextDecoder().decode(bytes) : '';
}

// Warning headers (RFC 7234, code 299) from texts that may quote what a client sent: any
// characters, any number of them. A header that cannot be written would fail a request that has
// been carried out. Upstream: apiserver's warning recorder.

const maxTotalCharacters = 4096;
const maxCharacters = 256;

/**
 * The values of the Warning headers: each text once, and in all no more than 4 KiB; where there are
 * more, long texts are cut.
 */
export function warningHeaders(warnings: readonly string[]): string[] {
  const texts = [...new Set(warnings)].filter((text) => text !== '');
  const whole = texts.map(headerOf);
  const isLong = whole.reduce((sum, header) => sum + header.length, 0) > maxTotalCharacters;
  if (!isLong) return whole;
  const out: string[] = [];
  let total = 0;
  for (const text of texts) {
    const header = headerOf([...text.slice(0, 2 * maxCharacters)].slice(0, maxCharacters).join(''));
    total += header.length;
    if (total > maxTotalCharacters) break;
    out.push(header);
  }
  return out;
}

/** A quoted string whose UTF-8 bytes go out as they are: Node writes a header's characters as single bytes. */
function headerOf(text: string): string {
  const visible = text.replace(/\p{Cc}/gu, ' ');
  return `299 - ${Buffer.from(`"${visible.replace(/["\\]/g, '\\$&')}"`).toString('latin1')}`;
}

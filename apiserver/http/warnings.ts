// Warning headers (RFC 7234, code 299) from texts that may quote what a client sent: any characters, any number of them. A header that cannot be
// written would fail a request that has been carried out. Upstream: apiserver's warning recorder.

const maxTotalCharacters = 4096;
const maxCharacters = 256;

/** The values of the Warning headers: each text once, and no more than a client's header buffer holds. */
export function warningHeaders(warnings: readonly string[]): string[] {
  const texts = [...new Set(warnings)];
  const isLong = texts.reduce((sum, text) => sum + text.length, 0) > maxTotalCharacters;
  const out: string[] = [];
  let total = 0;
  for (const text of texts) {
    const shown = isLong ? text.slice(0, maxCharacters) : text;
    total += shown.length;
    if (total > maxTotalCharacters) break;
    out.push(`299 - ${quote(shown)}`);
  }
  return out;
}

/** A quoted string whose UTF-8 bytes go out as they are: Node writes a header's characters as single bytes. */
function quote(text: string): string {
  const visible = text.replace(/\p{Cc}/gu, ' ');
  return Buffer.from(`"${visible.replace(/["\\]/g, '\\$&')}"`).toString('latin1');
}

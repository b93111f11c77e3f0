// Texts in quotes as Go's strconv.Quote and %q write them: errors that show what a client has sent.

const plain = /^[ !#-[\]-~]*$/;
/** What Go takes for printable: letters, marks, numbers, punctuation, symbols, and of the spaces one. */
const escapes = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;
/** What has an escape of one letter. */
export const shortEscapes: Record<string, string> = {
  '"': '\\"', '\\': '\\\\', '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v',
}; // biome-ignore format: one table

/** `"a\x01\u200b"`. Half of a pair of surrogates is no character, and shown as what replaces it. */
export function goQuote(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  return `"${text.replace(escapes, escaped)}"`;
}

function escaped(character: string): string {
  const known = shortEscapes[character];
  if (known) return known;
  const code = character.codePointAt(0)!;
  if (code >= 0xd800 && code < 0xe000) return '\ufffd';
  const hex = (digits: number) => code.toString(16).padStart(digits, '0');
  if (code < 0x20 || code === 0x7f) return `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

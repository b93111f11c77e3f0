/** The bytes of base64, whose padding may be missing, as cel-go lets it. Undefined for what is none. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bare = text.replace(/=+$/, '');
  if (bare.length % 4 === 1 || (bare.length !== text.length && text.length % 4 !== 0)) return undefined;
  return new Uint8Array(Buffer.from(bare, 'base64'));
}

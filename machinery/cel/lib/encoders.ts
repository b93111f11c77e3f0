// Base64. Upstream: cel-go's ext/encoders.go.
import { decodeBase64, encodeBase64 } from '../base64.ts';
import { fn, type Library, overload } from '../decls.ts';
import { CelError } from '../errors.ts';

function decode(text: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw new CelError('illegal base64 data');
  return bytes;
}

export const encoderLibrary: Library = {
  functions: [
    fn('base64.encode', overload('base64_encode_bytes', 'bytes -> string', encodeBase64)),
    fn('base64.decode', overload('base64_decode_string', 'string -> bytes', decode)),
  ],
};

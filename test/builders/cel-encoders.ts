// Base64. Upstream: cel-go's ext/encoders.go.
import { decodeBase64 } from '../../machinery/cel/base64.ts';
import { type Library, overload } from '../../machinery/cel/decls.ts';
import { CelError } from '../../machinery/cel/errors.ts';

function decode(text: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw new CelError('illegal base64 data');
  return bytes;
}

export const encoderLibrary: Library = {
  functions: [
    overload('base64.encode', 'base64_encode_bytes', 'bytes -> string', (bytes: Uint8Array) =>
      Buffer.from(bytes).toString('base64'),
    ),
    overload('base64.decode', 'base64_decode_string', 'string -> bytes', decode),
  ],
};

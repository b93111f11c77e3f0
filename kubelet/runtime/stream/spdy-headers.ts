// Header blocks of SPDY/3: name-value pairs, zlib-compressed with a dictionary that both sides know, one compression
// stream for a whole session and direction.
import { constants, createInflate, type Inflate } from 'node:zlib';

const dictionaryWords =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie ' +
  'keep-alive origin';

const dictionaryTail =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized' +
  '403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable' +
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The dictionary of the SPDY/3 specification. */
export const spdyDictionary = Buffer.concat([
  ...dictionaryWords.split(' ').map((word) => lengthPrefixed(word.replace('_', ' '))),
  Buffer.from(dictionaryTail),
]);

export type SpdyHeaders = Record<string, string>;

const maxStoredBlock = 0xffff;

// An empty stored block, as a sync flush writes it: readers hold back what they have inflated until they see it.
const flushMarker = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

/**
 * Encodes header blocks. What we send is tiny, so it is stored, not compressed: a legal zlib stream that needs neither
 * dictionary nor state but for its two leading bytes.
 */
export class HeaderEncoder {
  #started = false;

  encode(headers: SpdyHeaders): Buffer {
    const pairs = Object.entries(headers);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(pairs.length);
    const plain = Buffer.concat([
      count,
      ...pairs.flatMap(([k, v]) => [lengthPrefixed(k.toLowerCase()), lengthPrefixed(v)]),
    ]);
    if (plain.length > maxStoredBlock) throw new Error('the headers are too long');
    const block = Buffer.alloc(5);
    block.writeUInt16LE(plain.length, 1);
    block.writeUInt16LE(~plain.length & 0xffff, 3);
    const start = this.#started ? [] : [Buffer.from([0x78, 0x01])];
    this.#started = true;
    return Buffer.concat([...start, block, plain, flushMarker]);
  }
}

/** Decodes header blocks, which must come one after the other. */
export class HeaderDecoder {
  #inflate: Inflate = createInflate({ dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });

  async decode(block: Buffer): Promise<SpdyHeaders> {
    const plain = await new Promise<Buffer>((resolve, reject) => {
      const inflate = this.#inflate;
      inflate.once('error', reject);
      inflate.write(block, () => {
        inflate.off('error', reject);
        const pieces: Buffer[] = [];
        for (let piece = inflate.read(); piece !== null; piece = inflate.read()) pieces.push(piece);
        resolve(Buffer.concat(pieces));
      });
    });
    return parseHeaders(plain);
  }

  close(): void {
    this.#inflate.close();
  }
}

function parseHeaders(plain: Buffer): SpdyHeaders {
  const headers: SpdyHeaders = {};
  let at = 4;
  const next = () => {
    const length = plain.readUInt32BE(at);
    const text = plain.toString('utf8', at + 4, at + 4 + length);
    at += 4 + length;
    return text;
  };
  for (let left = plain.readUInt32BE(0); left > 0; left--) {
    const name = next();
    // Several values of a name are separated by NUL; the streams here have one each.
    headers[name] = next().split('\0')[0]!;
  }
  return headers;
}

// Header blocks of SPDY/3: name-value pairs, zlib-compressed with a dictionary that both sides know, one compression
// stream for a whole session and direction.
import { constants, createInflate, type Inflate } from 'node:zlib';
import { SpdyProtocolError, uint32 } from './spdy-frame.ts';

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
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** The dictionary of the SPDY/3 specification. */
export const spdyDictionary = Buffer.concat([
  ...dictionaryWords.split(' ').map((word) => lengthPrefixed(word.replace('_', ' '))),
  Buffer.from(dictionaryTail),
]);

export type SpdyHeaders = Record<string, string>;

/** What a header block may hold, unpacked. A few bytes can unpack to any size, so it is counted on the way. */
export const maxHeaderBytes = 1 << 16;

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
    const plain = Buffer.concat([
      uint32(pairs.length),
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

  constructor() {
    // Of each failure the write hears as well.
    this.#inflate.on('error', () => undefined);
  }

  /** Rejects what is no header block, or unpacks to more than `maxHeaderBytes`; nothing can be decoded after that. */
  async decode(block: Buffer): Promise<SpdyHeaders> {
    const plain = await new Promise<Buffer>((resolve, reject) => {
      const inflate = this.#inflate;
      const pieces: Buffer[] = [];
      let size = 0;
      let failure: Error | null = null;
      const take = (piece: Buffer) => {
        size += piece.length;
        if (size <= maxHeaderBytes) return void pieces.push(piece);
        failure = new SpdyProtocolError(`a header block unpacks to more than ${maxHeaderBytes} bytes`);
        inflate.destroy();
      };
      const finish = (err?: Error | null) => {
        inflate.off('data', take);
        inflate.off('error', finish);
        inflate.off('end', stop);
        if (failure ?? err) reject(failure ?? err);
        else resolve(Buffer.concat(pieces));
      };
      const stop = () => finish(new SpdyProtocolError('the compressed headers have come to an end'));
      inflate.on('data', take);
      inflate.on('error', finish);
      inflate.on('end', stop);
      inflate.write(block, finish);
    });
    return parseHeaders(plain);
  }

  close(): void {
    this.#inflate.close();
  }
}

function parseHeaders(plain: Buffer): SpdyHeaders {
  let at = 0;
  const readLength = () => {
    if (at + 4 > plain.length) throw new SpdyProtocolError('a header block is cut short');
    at += 4;
    return plain.readUInt32BE(at - 4);
  };
  const readText = () => {
    const length = readLength();
    if (length > plain.length - at) throw new SpdyProtocolError('a header block is cut short');
    at += length;
    return plain.toString('utf8', at - length, at);
  };
  const headers: [string, string][] = [];
  // Several values of a name are separated by NUL; the streams here have one each.
  for (let left = readLength(); left > 0; left--) headers.push([readText(), readText().split('\0', 1)[0]!]);
  return Object.fromEntries(headers);
}

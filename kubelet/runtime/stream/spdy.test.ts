// SPDY framing, header blocks, and a session with itself over a pair of sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { constants, createDeflate } from 'node:zlib';
import { encodeControl, encodeDataHeader, flagFin, readFrames, uint32 } from './spdy-frame.ts';
import { HeaderDecoder, HeaderEncoder, type SpdyHeaders, spdyDictionary } from './spdy-headers.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

function adler32(bytes: Buffer): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

describe('SPDY headers', () => {
  test('the dictionary is the one of SPDY/3', () => {
    assert.equal(spdyDictionary.length, 1423);
    assert.equal(adler32(spdyDictionary), 0xe3c6a7c2);
  });

  test('a decoder reads what an encoder wrote, block after block', async () => {
    const [encoder, decoder] = [new HeaderEncoder(), new HeaderDecoder()];
    const blocks: SpdyHeaders[] = [{ streamtype: 'error', port: '80' }, {}, { streamtype: 'data' }];
    for (const headers of blocks) {
      assert.deepEqual(await decoder.decode(encoder.encode(headers)), headers);
    }
    decoder.close();
  });

  test('a decoder reads blocks compressed with the dictionary', async () => {
    const deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });
    const plain = Buffer.concat([uint32(1, 6), Buffer.from('status'), uint32(3), Buffer.from('200')]);
    deflate.write(plain);
    const [block] = (await once(deflate, 'data')) as [Buffer];
    const decoder = new HeaderDecoder();
    assert.deepEqual(await decoder.decode(block), { status: '200' });
    decoder.close();
    deflate.close();
  });
});

describe('readFrames()', () => {
  const bytes = Buffer.concat([
    encodeControl(6, 0, uint32(1)),
    encodeDataHeader(3, flagFin, 5),
    Buffer.from('hello'),
    encodeDataHeader(3, flagFin, 0),
    encodeControl(7, 0, uint32(0, 0)),
  ]);
  for (const size of [1, 7, 8, 9, 1000]) {
    test(`finds the frames in chunks of ${size}`, async () => {
      const chunks = async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      // Parts of a data frame are joined as they come.
      const seen: [string, number, string | number][] = [];
      let text = '';
      for await (const f of readFrames(chunks())) {
        if (f.kind === 'data') text += f.payload;
        if (f.kind === 'control') seen.push([f.kind, f.type, f.payload.length]);
        else if (f.fin) seen.push([f.kind, f.streamId, text.slice(0, 5)]);
      }
      const data = ['data', 3, 'hello'];
      assert.deepEqual(seen, [['control', 6, 4], data, data, ['control', 7, 8]]);
    });
  }
});

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [client, accepted];
}

describe('SpdySession', () => {
  test('streams carry data both ways and half-close', async () => {
    const [a, b] = await socketPair();
    const seen = new Map<string, string>();
    const server = new SpdySession(b, {
      role: 'server',
      onStream: (stream) => {
        const echo = async () => {
          let text = '';
          for await (const chunk of stream.iterator({ destroyOnReturn: false })) text += chunk;
          seen.set(stream.headers.streamtype!, text);
          stream.end(text.toUpperCase());
        };
        void echo();
      },
    });
    const client = new SpdySession(a, { role: 'client', onStream: () => assert.fail('no stream expected') });
    const say = async (stream: SpdyStream, text: string) => {
      stream.end(text);
      let answer = '';
      for await (const chunk of stream.iterator({ destroyOnReturn: false })) answer += chunk;
      return answer;
    };
    const big = 'x'.repeat(3_000_000);
    const answers = await Promise.all([
      say(client.open({ streamtype: 'one' }), 'hello'),
      say(client.open({ streamtype: 'two' }), big),
    ]);
    assert.equal(answers[0], 'HELLO');
    assert.ok(answers[1] === big.toUpperCase());
    assert.equal(seen.get('one'), 'hello');
    client.close();
    await Promise.all([client.closed, server.closed]);
  });

  test('a lost connection ends the streams', async () => {
    const [a, b] = await socketPair();
    let accepted: SpdyStream | undefined;
    const server = new SpdySession(b, {
      role: 'server',
      onStream: (stream) => {
        accepted = stream;
      },
    });
    const client = new SpdySession(a, { role: 'client', onStream: () => undefined });
    client.open({ streamtype: 'x' });
    while (!accepted) await new Promise((resolve) => setImmediate(resolve));
    a.destroy();
    await Promise.all([client.closed, server.closed]);
    assert.ok(accepted.destroyed);
  });
});

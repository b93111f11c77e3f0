// SPDY from peers that mean no good, or nothing at all: the connection ends, memory stays bounded,
// nothing else happens.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { constants, deflateSync } from 'node:zlib';
import { realClock } from '../../../machinery/clock.ts';
import { seededRandom } from '../../../test/builders/seeded-random.ts';
import {
  encodeControl,
  encodeDataHeader,
  FrameParser,
  flagFin,
  frameType,
  SpdyProtocolError,
  uint32,
} from './spdy-frame.ts';
import { HeaderDecoder, HeaderEncoder, maxHeaderBytes, spdyDictionary } from './spdy-headers.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

/** A session as the server has it, and the bare connection of its client. */
async function serve(options: { maxStreams?: number; onStream?: (stream: SpdyStream) => void } = {}) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  const onStream = (stream: SpdyStream) => void stream.on('error', () => undefined);
  return { client, socket, session: new SpdySession(socket, { role: 'server', onStream, ...options }) };
}

const pack = (plain: Buffer) =>
  deflateSync(plain, { dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH } as object);
const openStream = (id: number, block: Buffer) =>
  encodeControl(frameType.synStream, 0, Buffer.concat([uint32(id, 0), Buffer.alloc(2), block]));
const twice = <T>(value: T): T[] => [value, value];
const encodeOnce = () => new HeaderEncoder().encode({ streamtype: 'data' });

describe('a peer that breaks the protocol loses its connection', () => {
  const cases: [string, Buffer][] = [
    ['another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').fill(0xff, 0, 1)],
    ['a giant control frame', Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])],
    ['a ping without a number', encodeControl(frameType.ping, 0, Buffer.alloc(0))],
    ['a window update cut short', encodeControl(frameType.windowUpdate, 0, uint32(1))],
    ['a reset cut short', encodeControl(frameType.rstStream, 0, uint32(1))],
    ['a stream cut short', encodeControl(frameType.synStream, 0, uint32(1))],
    ['data of stream 0', encodeDataHeader(0, 0, 5)],
    ['a stream of ours', openStream(2, encodeOnce())],
    ['a stream 0', openStream(0, encodeOnce())],
    ['a stream opened twice', Buffer.concat([openStream(3, encodeOnce()), openStream(3, encodeOnce())])],
    ['data after the end', Buffer.concat([openStream(1, encodeOnce()), ...twice(encodeDataHeader(1, flagFin, 0))])],
    ['headers that are not packed', openStream(1, Buffer.from('streamtype: data'))],
    ['headers that count more than there are', openStream(1, pack(uint32(0xffffffff, 1, 1)))],
    ['a header longer than its block', openStream(1, pack(uint32(1, 0x7fffffff)))],
    ['headers of 60 MB in 60 KB', openStream(1, pack(Buffer.alloc(60_000_000)))],
  ];
  for (const [name, bytes] of cases) {
    test(name, async () => {
      const { client, session } = await serve();
      const answer: Buffer[] = [];
      client.on('data', (chunk: Buffer) => answer.push(chunk));
      client.write(bytes);
      await session.closed;
      if (!client.closed) await once(client, 'close');
      const last = Buffer.concat(answer).subarray(-16);
      assert.deepEqual([last.readUInt16BE(2), last.readUInt32BE(12)], [frameType.goAway, 1]);
    });
  }
});

test('a header block is unpacked no further than it may be', async () => {
  const decoder = new HeaderDecoder();
  await assert.rejects(decoder.decode(pack(Buffer.alloc(500_000_000))), new RegExp(`more than ${maxHeaderBytes}`));
});

test('a header called __proto__ is one like others', async () => {
  const decoder = new HeaderDecoder();
  const pair = ['__proto__', 'x'].flatMap((text) => [uint32(text.length), Buffer.from(text)]);
  const headers = await decoder.decode(pack(Buffer.concat([uint32(1), ...pair])));
  assert.deepEqual(Object.entries(headers), [['__proto__', 'x']]);
  decoder.close();
});

test('streams beyond the limit are refused one by one', async () => {
  const opened: SpdyStream[] = [];
  const { client, session } = await serve({ maxStreams: 2, onStream: (s) => void opened.push(s) });
  const encoder = new HeaderEncoder();
  const refused: number[] = [];
  const parser = new FrameParser();
  client.on('data', (chunk: Buffer) => {
    for (const f of parser.push(chunk)) {
      if (f.kind === 'control' && f.type === frameType.rstStream) refused.push(f.payload.readUInt32BE(0));
    }
    if (refused.length === 2) client.end();
  });
  for (const id of [1, 3, 5, 7]) client.write(openStream(id, encoder.encode({ streamtype: 'data' })));
  await session.closed;
  assert.deepEqual(
    [opened.map((s) => s.id), refused],
    [
      [1, 3],
      [5, 7],
    ],
  );
});

test('a peer that pings without reading is not answered without end', async () => {
  const { client, socket, session } = await serve();
  client.pause();
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => encodeControl(frameType.ping, 0, uint32(1))));
  // So many bytes that they do not fit into what the kernel holds: at some point nobody reads them any more.
  let isStuck = false;
  for (let i = 0; i < 1000 && !isStuck; i++) {
    if (client.write(pings)) continue;
    const drained = once(client, 'drain').then(() => false);
    isStuck = await Promise.race([drained, realClock.sleep(1000).then(() => true)]);
  }
  assert.ok(isStuck);
  assert.ok(socket.writableLength < 1 << 20, `${socket.writableLength} bytes wait`);
  client.destroy();
  await session.closed;
});

test('a connection that is lost while a stream is written to ends that stream, and only that', async () => {
  let accepted: SpdyStream | undefined;
  const { client, session } = await serve({ onStream: (stream) => (accepted = stream) });
  client.write(openStream(1, encodeOnce()));
  while (!accepted) await new Promise((resolve) => setImmediate(resolve));
  const ended = once(accepted, 'close');
  client.pause();
  accepted.write(Buffer.alloc(32 << 20));
  client.resetAndDestroy();
  await Promise.all([ended, session.closed]);
});

describe('any bytes', () => {
  for (let seed = 1; seed <= 8; seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(seed);
      const int = (below: number) => Math.floor(random.next() * below);
      for (let round = 0; round < 150; round++) {
        const frames = [openStream(1, encodeOnce()), encodeDataHeader(1, int(2), int(40)), Buffer.alloc(int(40))];
        for (let i = int(4); i > 0; i--) frames.push(encodeControl(int(12), int(4), Buffer.alloc(int(60), int(256))));
        const bytes = Buffer.concat(frames);
        for (let i = int(6); i > 0; i--) bytes[int(bytes.length)] = int(256);
        const parser = new FrameParser();
        let size = 0;
        try {
          for (let at = 0; at < bytes.length; ) {
            const piece = bytes.subarray(at, at + 1 + int(20));
            at += piece.length;
            for (const frame of parser.push(piece)) size += frame.payload.length;
          }
        } catch (err) {
          assert.ok(err instanceof SpdyProtocolError, `${(err as Error).stack}`);
        }
        assert.ok(size <= bytes.length);
        if (round % 10 > 0) continue;
        const { client, session } = await serve();
        client.resume();
        client.end(bytes);
        await session.closed;
        client.destroy();
      }
    });
  }
});

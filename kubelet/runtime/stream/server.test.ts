// The streaming server and clients that mean no good: their connection ends, and what others have goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { realClock } from '../../../machinery/clock.ts';
import { createLogger } from '../../../machinery/log.ts';
import { seededRandom } from '../../../test/builders/seeded-random.ts';
import type { Runtime } from '../runtime.ts';
import { EventHub } from '../store/event-hub.ts';
import type { AttachOffer } from './attach-session.ts';
import type { PortForwardOffer } from './port-forward-session.ts';
import { createStreamServer } from './server.ts';

/** A server without containers: what it offers ends with a failure, after the handshake. */
async function serve(idleTimeoutMs = 60_000) {
  const rt = { sandboxes: { get: () => undefined }, clock: realClock, log: createLogger('test', 'error') };
  const containers = { get: () => undefined };
  const server = await createStreamServer({ ...rt, events: new EventHub(), containers } as unknown as Runtime, {
    address: '127.0.0.1',
    idleTimeoutMs,
  });
  const attach = { kind: 'attach', containerId: 'c', stdin: true, stdout: true, stderr: true, tty: false } as const;
  return {
    attach: () => new URL(server.offer(attach satisfies AttachOffer)),
    forward: (ports: number[] = []) =>
      new URL(server.offer({ kind: 'portforward', sandboxId: 's', ports } satisfies PortForwardOffer)),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Sends an upgrade by hand; answers the connection, after the answer's head. */
async function upgradeTo(url: URL, protocol: 'websocket' | 'SPDY/3.1', subprotocol: string): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  const own = { 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
  const headers = {
    Host: url.host,
    Connection: 'Upgrade',
    Upgrade: protocol,
    'X-Stream-Protocol-Version': subprotocol,
  };
  const all = { ...headers, ...own, 'Sec-WebSocket-Protocol': subprotocol };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${url.pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString('latin1'), /^HTTP\/1.1 101 /);
  socket.unshift(head.subarray(head.indexOf('\r\n\r\n') + 4));
  return socket;
}

const closed = async (socket: Socket) => {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
};

const statusOf = (url: URL, headers: Record<string, string>) =>
  new Promise<number>((resolve, reject) => {
    const req = request(url, { headers, agent: false }, (res) => {
      res.resume();
      resolve(res.statusCode!);
    });
    req.on('error', reject);
    req.end();
  });

describe('streaming server', () => {
  test('takes a head of nearly a megabyte, and no more', async () => {
    await using server = await serve();
    assert.equal(await statusOf(server.attach(), { x: 'x'.repeat(1_000_000) }), 400);
    assert.equal(await statusOf(server.attach(), { x: 'x'.repeat(1_100_000) }), 431);
  });

  test('a session on which nothing moves is ended', async () => {
    await using server = await serve(100);
    for (const url of [server.forward(), server.forward()]) {
      await closed(await upgradeTo(url, 'SPDY/3.1', 'portforward.k8s.io'));
    }
    await closed(await upgradeTo(server.forward(), 'websocket', 'SPDY/3.1+portforward.k8s.io'));
  });

  test('more ports than a connection has channels are refused', async () => {
    await using server = await serve();
    const ports = Array.from({ length: 129 }, (_, i) => i + 1);
    const ws = new WebSocket(server.forward(ports).href.replace('http', 'ws'), 'v4.channel.k8s.io');
    await assert.rejects(once(ws, 'open'), /400/);
  });

  test('WebSocket: the connection ends with our close, also for a client that does not answer it', async () => {
    await using server = await serve();
    const socket = await upgradeTo(server.attach(), 'websocket', 'v4.channel.k8s.io');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end', { signal: AbortSignal.timeout(10_000) });
    assert.deepEqual(Buffer.concat(chunks).subarray(-4), Buffer.from([0x88, 2, 0x03, 0xe8]));
  });

  const frame = (first: number, payload: Buffer, length = payload.length) => {
    const size =
      length < 126 ? Buffer.from([0x80 | length]) : Buffer.concat([Buffer.from([0x80 | 127]), uint64(length)]);
    return Buffer.concat([Buffer.from([first]), size, Buffer.alloc(4), payload]);
  };
  const uint64 = (value: number) => {
    const out = Buffer.alloc(8);
    out.writeBigUInt64BE(BigInt(value));
    return out;
  };
  const hostile: [string, Buffer][] = [
    ['a message of 40 MB', frame(0x82, Buffer.alloc(10), 40 << 20)],
    ['a message of 2^60 bytes', frame(0x82, Buffer.alloc(0), 2 ** 60)],
    ['a frame without a mask', Buffer.from([0x82, 1, 0])],
    ['an unknown opcode', frame(0x8b, Buffer.alloc(0))],
    ['a ping that is too long', frame(0x89, Buffer.alloc(200))],
    ['a continuation of nothing', frame(0x80, Buffer.alloc(1))],
    [
      'fragments without end',
      Buffer.concat([frame(0x02, Buffer.alloc(1)), ...Array(20_000).fill(frame(0, Buffer.alloc(1)))]),
    ],
  ];
  for (const [name, bytes] of hostile) {
    test(`WebSocket: ${name}`, async () => {
      await using server = await serve();
      const socket = await upgradeTo(server.forward([1]), 'websocket', 'SPDY/3.1+portforward.k8s.io');
      socket.write(bytes);
      await closed(socket);
    });
  }

  test('WebSocket: pings of a client that does not read are not answered without end', async () => {
    await using server = await serve();
    const socket = await upgradeTo(server.forward(), 'websocket', 'SPDY/3.1+portforward.k8s.io');
    socket.pause();
    const before = process.memoryUsage().rss;
    const pings = Buffer.concat(Array(1000).fill(frame(0x89, Buffer.alloc(120))));
    for (let i = 0; i < 300; i++)
      if (!socket.write(pings)) await Promise.race([once(socket, 'drain'), realClock.sleep(100)]);
    const grownMib = (process.memoryUsage().rss - before) >> 20;
    assert.ok(grownMib < 150, `${grownMib} MiB`);
    socket.destroy();
  });

  for (const [protocol, subprotocol] of [
    ['websocket', 'v5.channel.k8s.io'],
    ['websocket', 'v4.base64.channel.k8s.io'],
    ['SPDY/3.1', 'v4.channel.k8s.io'],
  ] as const) {
    test(`any bytes over ${protocol} ${subprotocol}`, async () => {
      await using server = await serve();
      for (let seed = 1; seed <= 40; seed++) {
        const random = seededRandom(seed);
        const int = (below: number) => Math.floor(random.next() * below);
        const socket = await upgradeTo(server.attach(), protocol, subprotocol);
        for (let i = int(20); i > 0; i--) {
          const payload = Buffer.from(Array.from({ length: int(30) }, () => int(256)));
          socket.write(int(2) ? payload : frame([0x81, 0x82, 0x89, 0x02][int(4)]!, payload));
        }
        socket.end();
        await closed(socket);
      }
      // It goes on as before.
      const ws = new WebSocket(server.attach().href.replace('http', 'ws'), 'v5.channel.k8s.io');
      const [message] = (await once(ws, 'message')) as [Buffer];
      assert.match(String(message.subarray(1)), /container is in CONTAINER_UNKNOWN state/);
      await once(ws, 'close');
    });
  }
});

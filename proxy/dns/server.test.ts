// Server and forwarder on loopback, each as the other's partner.
import assert from 'node:assert/strict';
import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import { realRandom } from '../../machinery/random.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import type { Transport } from './resolver.ts';
import { DnsServer } from './server.ts';
import { FrameReader, frame } from './tcp-frame.ts';
import { parseNameServers, Upstream } from './upstream.ts';

/** A response to a message: the same with the bit that says so. */
const echo = (message: Buffer): Buffer => {
  const answer = Buffer.from(message);
  answer[2]! |= 0x80;
  return answer;
};

const message = (id: number, size = 20) => {
  const bytes = Buffer.alloc(size, 7);
  bytes.writeUInt16BE(id, 0);
  bytes[2] = 0;
  // One question, for the address of `a`; what follows is padding.
  bytes.set([0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1].slice(0, size - 4), 4);
  return bytes;
};

async function startServer(respond: (message: Buffer, transport: Transport) => Promise<Buffer | undefined>) {
  for (let tries = 1; ; tries++) {
    const server = new DnsServer({ address: '127.0.0.1', port: 0, respond, clock: realClock, log: silentLogger });
    try {
      await server.start();
      return { port: server.port, [Symbol.asyncDispose]: () => server.stop() };
    } catch (err) {
      // A port that is free for UDP may be taken for TCP.
      if ((err as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === 10) throw err;
    }
  }
}

const upstreamTo = (port: number, servers = ['127.0.0.1'], clock: FakeClock | typeof realClock = realClock) =>
  new Upstream({ servers, port, clock, random: realRandom });

describe('forwarding', () => {
  for (const transport of ['udp', 'tcp'] as const) {
    test(`over ${transport}, with the id of the client`, async () => {
      const seen: [string, number][] = [];
      await using server = await startServer(async (query, over) => {
        seen.push([over, query.length]);
        return echo(query);
      });
      const size = transport === 'tcp' ? 30_000 : 100;
      const answer = await upstreamTo(server.port).forward(message(4242, size), transport);
      assert.deepEqual(answer, echo(message(4242, size)));
      assert.deepEqual(seen, [[transport, size]]);
    });

    test(`over ${transport} to one that is not there fails at once`, async () => {
      const { port } = await startServer(async () => undefined).then(async (server) => {
        await server[Symbol.asyncDispose]();
        return server;
      });
      assert.equal(await upstreamTo(port).forward(message(1), transport), undefined);
    });
  }

  test('a server that does not answer is given up, and the next one asked', async () => {
    const clock = new FakeClock();
    let asked = 0;
    let onAsked = () => {};
    const whenAsked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    await using server = await startServer(async (query) => {
      asked++;
      onAsked();
      return asked === 1 ? undefined : echo(query);
    });
    const answer = upstreamTo(server.port, ['127.0.0.1', '127.0.0.1'], clock).forward(message(5), 'udp');
    await whenAsked;
    await clock.advance(2_000);
    assert.deepEqual(await answer, echo(message(5)));
    assert.equal(asked, 2);
  });

  test('a server that did not answer is asked last for a while', async () => {
    const clock = new FakeClock();
    await using server = await startServer(async (query) => echo(query));
    const silent = createSocket('udp4').bind(server.port, '127.0.0.2');
    await once(silent, 'listening');
    let asked = 0;
    silent.on('message', () => asked++);
    const upstream = upstreamTo(server.port, ['127.0.0.2', '127.0.0.1'], clock);
    const first = upstream.forward(message(1), 'udp');
    await once(silent, 'message');
    await clock.advance(2_000);
    assert.deepEqual(await first, echo(message(1)));
    assert.deepEqual(await upstream.forward(message(2), 'udp'), echo(message(2)));
    assert.equal(asked, 1);
    await clock.advance(30_000);
    const later = upstream.forward(message(3), 'udp');
    await once(silent, 'message');
    await clock.advance(2_000);
    await later;
    silent.close();
  });

  test('without servers there is no answer', async () => {
    assert.equal(await upstreamTo(1, []).forward(message(1), 'udp'), undefined);
  });

  test('answers with another id are not taken', async () => {
    const liar = createSocket('udp4').bind(0, '127.0.0.1');
    await once(liar, 'listening');
    liar.on('message', (query, client) => {
      const wrong = echo(query);
      wrong.writeUInt16BE(wrong.readUInt16BE(0) ^ 1, 0);
      liar.send(wrong, client.port, () => liar.send(echo(query), client.port));
    });
    assert.deepEqual(await upstreamTo(liar.address().port).forward(message(6), 'udp'), echo(message(6)));
    liar.close();
  });
});

test('queries on one connection are answered in order', async () => {
  await using server = await startServer(async (query) => {
    if (query.readUInt16BE(0) === 1) await realClock.sleep(20);
    return echo(query);
  });
  const client = connect(server.port, '127.0.0.1');
  const bytes = Buffer.concat([1, 2, 3].map((id) => frame(message(id))));
  client.write(bytes.subarray(0, 25));
  await realClock.sleep(5);
  client.write(bytes.subarray(25));
  const reader = new FrameReader();
  const ids: number[] = [];
  for await (const chunk of client) {
    ids.push(...reader.push(chunk as Buffer).map((answer) => answer.readUInt16BE(0)));
    if (ids.length === 3) break;
  }
  assert.deepEqual(ids, [1, 2, 3]);
});

test('name servers are read from resolv.conf, but for ourselves', () => {
  const text =
    'search a b\nnameserver 192.0.2.1\n nameserver 10.96.0.10\n#nameserver 192.0.2.9\nnameserver fe80::1\nnameserver x\n';
  assert.deepEqual(parseNameServers(text, ['10.96.0.10']), ['192.0.2.1', 'fe80::1']);
});

test('a query that nobody can cope with, or that is answered after the end, does no harm', async () => {
  let finish = () => {};
  const server = await startServer(async (query) => {
    if (query.readUInt16BE(0) === 1) throw new Error('cannot');
    if (query.readUInt16BE(0) === 2) await new Promise<void>((resolve) => (finish = resolve));
    return echo(query);
  });
  const client = createSocket('udp4');
  client.connect(server.port, '127.0.0.1');
  await once(client, 'connect');
  client.send(message(1));
  client.send(message(2));
  client.send(message(3));
  const [answer] = await once(client, 'message');
  assert.equal(answer.readUInt16BE(0), 3);
  await server[Symbol.asyncDispose]();
  finish();
  await realClock.sleep(5);
  client.close();
});

test('a query from port 0, which nobody can answer, does no harm', async (t) => {
  const { bind } = Socket.prototype;
  let socket: Socket | undefined;
  t.mock.method(Socket.prototype, 'bind', function (this: Socket, ...args: Parameters<Socket['bind']>) {
    socket = this;
    return bind.apply(this, args);
  });
  await using server = await startServer(async (query) => echo(query));
  socket!.emit('message', message(1), { address: '127.0.0.1', family: 'IPv4', port: 0, size: 20 });
  assert.deepEqual(await upstreamTo(server.port).forward(message(2), 'udp'), echo(message(2)));
});

test('a client that does not read its answers gets no more of them', async () => {
  let answered = 0;
  await using server = await startServer(async () => {
    answered++;
    return echo(message(1, 60_000));
  });
  const client = connect(server.port, '127.0.0.1').pause();
  const queries = Buffer.concat(Array.from({ length: 1_000 }, () => frame(message(1))));
  for (let i = 0; i < 3; i++) {
    client.write(queries);
    await realClock.sleep(150);
  }
  client.destroy();
  assert.ok(answered < 1_000, `${answered} answers are held for it`);
});

describe('what one client may take', () => {
  test('bytes one by one keep no connection open', async () => {
    const clock = new FakeClock();
    const server = new DnsServer({
      address: '127.0.0.1',
      port: 0,
      respond: async (q) => echo(q),
      clock,
      log: silentLogger,
    });
    await server.start();
    const client = connect(server.port, '127.0.0.1');
    const closed = once(client, 'close');
    client.on('error', () => undefined);
    client.resume();
    const bytes = frame(message(1));
    for (let i = 0; i < 3; i++) {
      client.write(bytes.subarray(i, i + 1));
      await realClock.sleep(20);
      await clock.advance(4_000);
    }
    await closed;
    await server.stop();
  });

  test('its connections are bounded', async () => {
    await using server = await startServer(async (query) => echo(query));
    const clients = Array.from({ length: 70 }, () => connect(server.port, '127.0.0.1'));
    const ends = clients.map((c) => new Promise((resolve) => c.on('error', resolve).on('close', resolve).resume()));
    await Promise.race(ends);
    // Another client, by its address, is served.
    const other = connect({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.3' });
    other.write(frame(message(9)));
    const [answer] = await once(other, 'data');
    assert.deepEqual(answer, frame(echo(message(9))));
    for (const c of [...clients, other]) c.destroy();
    await Promise.all(ends);
  });

  test('queries that wait for other servers are bounded', async () => {
    let asked = 0;
    const waiting: (() => void)[] = [];
    await using server = await startServer(async (query) => {
      asked++;
      if (query.readUInt16BE(0) !== 9) await new Promise<void>((resolve) => waiting.push(resolve));
      return echo(query);
    });
    const client = createSocket('udp4');
    for (let i = 0; i < 200; i++) client.send(message(1), server.port, '127.0.0.1');
    const other = createSocket('udp4').bind(0, '127.0.0.3');
    const answered = once(other, 'message');
    for (let i = 0; i < 3; i++) other.send(message(9), server.port, '127.0.0.1');
    await answered;
    assert.ok(asked <= 128 + 3, `${asked} queries`);
    for (const go of waiting) go();
    client.close();
    other.close();
  });
});

test('many queries of one connection leave room for others', async () => {
  let isAsking = true;
  let turns = 0;
  const count = () => {
    turns++;
    if (isAsking) setImmediate(count);
  };
  await using server = await startServer(async (query) => echo(query));
  const client = connect(server.port, '127.0.0.1');
  client.write(Buffer.concat(Array.from({ length: 500 }, () => frame(message(1)))));
  count();
  const reader = new FrameReader();
  let answers = 0;
  for await (const chunk of client) {
    answers += reader.push(chunk as Buffer).length;
    if (answers === 500) break;
  }
  isAsking = false;
  assert.ok(turns >= 400, `${turns} turns`);
});

test('an answer to another question is not taken', async () => {
  const liar = createSocket('udp4').bind(0, '127.0.0.1');
  await once(liar, 'listening');
  liar.on('message', (query, client) => {
    const wrong = echo(query);
    wrong[13] = 98;
    liar.send(wrong, client.port, () => liar.send(echo(query), client.port));
  });
  assert.deepEqual(await upstreamTo(liar.address().port).forward(message(6), 'udp'), echo(message(6)));
  liar.close();
});

test('a frame in single bytes is put together once', () => {
  const reader = new FrameReader();
  const bytes = Buffer.concat([frame(message(1, 60_000)), frame(message(2))]);
  const found: Buffer[] = [];
  for (const byte of bytes) found.push(...reader.push(Buffer.from([byte])));
  assert.deepEqual(found, [message(1, 60_000), message(2)]);
});

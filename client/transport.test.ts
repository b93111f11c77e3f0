// What somebody else writes is read within bounds.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { realClock } from '../machinery/clock.ts';
import { Transport, TransportError } from './transport.ts';

test('an answer that is longer than it may be is broken off, others on the connection are not', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/short') return void response.end('12345');
    // It goes on as long as somebody listens.
    const more = () => {
      if (!response.stream.destroyed) response.write('x'.repeat(1024), () => setImmediate(more));
    };
    more();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = new Transport({ server: url } as never, { userAgent: 'test', clock: realClock });
  try {
    const long = transport.request({ method: 'GET', path: '/long', maxBytes: 100_000 });
    const short = transport.request({ method: 'GET', path: '/short', maxBytes: 5 });
    assert.deepEqual(await short, { status: 200, body: '12345' });
    await assert.rejects(long, (err) => {
      assert.ok(err instanceof TransportError);
      assert.equal(err.message, 'more than 100000 bytes: GET /long');
      return true;
    });
    const tooShort = transport.request({ method: 'GET', path: '/short', maxBytes: 4 });
    await assert.rejects(tooShort, /more than 4 bytes/);
  } finally {
    transport.close();
    server.close();
  }
});

test('a body that nobody takes does not stand in the way of others on the connection', async () => {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    if (headers[':path'] === '/short') stream.end('12345');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = new Transport({ server: url } as never, { userAgent: 'test', clock: realClock });
  const stop = new AbortController();
  const body = 'x'.repeat(20 << 20);
  const long = assert.rejects(transport.request({ method: 'POST', path: '/long', body, signal: stop.signal }));
  try {
    for (let i = 0; i < 3; i++)
      assert.equal((await transport.request({ method: 'GET', path: '/short' })).body, '12345');
  } finally {
    stop.abort();
    await long;
    transport.close();
    server.close();
  }
});

test('a watch whose line cannot be taken breaks, and nothing else does', async () => {
  const server = createServer((_, response) => void response.write('{"type":"ADDED","object":null}\n7\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = new Transport({ server: url } as never, { userAgent: 'test', clock: realClock });
  const seen: string[] = [];
  const take = (line: string) => {
    seen.push(line);
    throw new TypeError(`no event: ${line}`);
  };
  try {
    await assert.rejects(transport.stream({ method: 'GET', path: '/watch' }, take), /no event: {"type"/);
    assert.equal(seen.length, 1);
  } finally {
    transport.close();
    server.close();
  }
});

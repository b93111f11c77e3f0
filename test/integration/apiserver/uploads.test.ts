// Requests whose sender does not keep to the rules: cut off, half sent, endless, too long, too
// many. Nothing of them is carried out, nobody else notices, and who may not send is told before he
// has sent.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { realClock } from '../../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { RawHttp2 } from '../../environment/raw-http2.ts';

let api: TestControlPlane;
before(async () => {
  api = await startControlPlane();
});
after(() => api[Symbol.asyncDispose]());

/** No test here may wait for ever for a server that owes it an answer. */
const limit = { timeout: 60_000 };

const configMaps = '/api/v1/namespaces/default/configmaps';
const deadlineMs = 20_000;

/** A connection of the administrator, or of nobody. */
async function openSession(identity: 'admin' | 'nobody' = 'admin'): Promise<ClientHttp2Session> {
  const { ca, cert, key } = api.config;
  const session = connect(api.server, {
    ca,
    maxSendHeaderBlockLength: 2_000_000,
    maxSessionMemory: 1000,
    ...(identity === 'admin' ? { cert, key } : {}),
  });
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

async function openSocket(identity: 'admin' | 'nobody' = 'admin', protocol = 'http/1.1'): Promise<TLSSocket> {
  const { ca, cert, key } = api.config;
  const own = identity === 'admin' ? { cert, key } : {};
  const socket = connectTls({ host: '127.0.0.1', port: api.port, ca, ...own, ALPNProtocols: [protocol] });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** What comes until `done`, or until the other side ends. */
async function readUntil(socket: TLSSocket, done: (text: string) => boolean): Promise<string> {
  let text = '';
  const timer = realClock.after(deadlineMs, () => socket.destroy(new Error(`no end of ${text.slice(0, 200)}`)));
  for await (const chunk of socket) {
    text += chunk;
    if (done(text)) break;
  }
  timer.cancel();
  return text;
}

/** Waits for a text among what comes; what follows is left there. */
async function waitFor(socket: TLSSocket, want: string): Promise<void> {
  let text = '';
  const signal = AbortSignal.timeout(deadlineMs);
  while (!text.includes(want)) {
    const [chunk] = await once(socket, 'data', { signal });
    text += (chunk as Buffer).toString('latin1');
  }
}

/** A request over HTTP/2 with its answer's code and body. */
async function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string | Buffer) {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [answer] = await once(stream, 'response', { signal: AbortSignal.timeout(deadlineMs) });
  let text = '';
  for await (const chunk of stream) text += chunk;
  return { code: answer[':status'] as number, headers: answer, text };
}

describe('what broke off is not carried out', limit, () => {
  const body = JSON.stringify({ metadata: { name: 'broken' }, data: { a: 'new' } });
  const patch = JSON.stringify({ data: { a: 'new' } });
  const precondition = JSON.stringify({ preconditions: { uid: 'of-nobody' } });
  const merge = 'application/merge-patch+json';
  const one = `${configMaps}/standing`;
  const requests: [method: string, path: string, contentType: string, body: string][] = [
    ['POST', configMaps, 'application/json', body],
    ['POST', configMaps, 'application/yaml', 'metadata: {name: broken}\ndata: {a: new}\n'],
    ['PUT', one, 'application/json', body.replace('broken', 'standing')],
    ['PATCH', one, merge, patch],
    ['DELETE', one, 'application/json', precondition],
    ['DELETE', configMaps, 'application/json', precondition],
  ];
  before(() => api.request('POST', configMaps, { body: { metadata: { name: 'standing' }, data: { a: 'old' } } }));

  /** The collection, after everything that was sent before has been dealt with. */
  const state = async () => {
    const { body: list } = await api.request('GET', configMaps);
    return list.items.map((o: any) => `${o.metadata.name}=${o.data?.a}`).filter((x: string) => !x.startsWith('kube-'));
  };
  const unchanged = ['standing=old'];
  /**
   * Goes by when the server has worked through what came before: a request of the same connection,
   * or of another one.
   */
  const settle = async () => {
    for (let i = 0; i < 3; i++) await api.request('GET', '/livez');
  };

  for (const [method, path, contentType, text] of requests) {
    test(`HTTP/2 ${method} ${contentType}: a stream that is reset`, async () => {
      const client = await RawHttp2.open({ port: api.port, ...api.config });
      for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_INTERNAL_ERROR]) {
        const stream = client.request({ ':method': method, ':path': path, 'content-type': contentType });
        // All of it is sent, but not that it was all.
        client.data(stream, text);
        await client.ping();
        client.reset(stream, code);
        const atOnce = client.request({ ':method': method, ':path': path, 'content-type': contentType });
        client.data(atOnce, text);
        client.reset(atOnce, code);
        await client.ping();
      }
      client.socket.destroy();
      await settle();
      assert.deepEqual(await state(), unchanged);
    });

    test(`HTTP/2 ${method} ${contentType}: a connection that is lost`, async () => {
      const client = await RawHttp2.open({ port: api.port, ...api.config });
      client.data(client.request({ ':method': method, ':path': path, 'content-type': contentType }), text);
      await client.ping();
      client.socket.destroy();
      await settle();
      assert.deepEqual(await state(), unchanged);
    });

    for (const framing of ['content-length', 'chunked'] as const)
      test(`HTTP/1.1 ${method} ${contentType}: a connection that is lost, ${framing}`, async () => {
        const socket = await openSocket();
        const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${contentType}\r\n`;
        const length = Buffer.byteLength(text);
        if (framing === 'chunked')
          socket.write(`${head}transfer-encoding: chunked\r\n\r\n${length.toString(16)}\r\n${text}\r\n`);
        else socket.write(`${head}content-length: ${length + 1}\r\n\r\n${text}`);
        await settle();
        socket.destroy();
        await settle();
        assert.deepEqual(await state(), unchanged);
      });
  }

  test('and what is whole is, also without a length or a type', async () => {
    const session = await openSession();
    const plain = { ':method': 'POST', ':path': configMaps };
    const made = await ask(session, plain, JSON.stringify({ metadata: { name: 'whole' } }));
    assert.equal(made.code, 201, made.text);
    assert.equal((await ask(session, { ':method': 'DELETE', ':path': `${configMaps}/whole` })).code, 200);
    session.close();
  });
});

describe('who may not send is told at once', limit, () => {
  const length = 2_000_000;

  test('over HTTP/1.1, and what comes after is not kept', async () => {
    for (const [identity, code] of [
      ['nobody', 403],
      ['bad token', 401],
    ] as const) {
      const socket = await openSocket('nobody');
      const token = identity === 'bad token' ? 'authorization: Bearer x\r\n' : '';
      socket.write(`POST ${configMaps} HTTP/1.1\r\nhost: x\r\n${token}content-length: ${length}\r\n\r\n{`);
      const text = await readUntil(socket, (t) => t.includes(`"code":${code}}`));
      assert.match(text, new RegExp(`^HTTP/1.1 ${code} `));
      socket.destroy();
    }
  });

  test('over HTTP/1.1 to one that asks first', async () => {
    const head = `POST ${configMaps} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 30\r\n\r\n`;
    const nobody = await openSocket('nobody');
    nobody.write(head);
    assert.match(await readUntil(nobody, (t) => t.includes('"code":403}')), /^HTTP\/1.1 403 /);
    nobody.destroy();
    const admin = await openSocket();
    admin.write(head);
    const reading = readUntil(admin, (t) => t.includes('"metadata"'));
    admin.write('{"metadata":{"name":"awaits"}}');
    assert.match(await reading, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
    admin.destroy();
  });

  test('over HTTP/2, on many half-sent streams of many connections, whose bytes nobody keeps', async () => {
    const before = await residentBytes();
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession('nobody')));
    const codes = sessions.flatMap((session) =>
      Array.from({ length: 90 }, async () => {
        const stream = session.request({ ':method': 'POST', ':path': configMaps, 'content-length': String(length) });
        stream.on('error', () => undefined);
        stream.write(Buffer.alloc(length - 1));
        const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(deadlineMs) });
        return headers[':status'];
      }),
    );
    assert.deepEqual([...new Set(await Promise.all(codes))], [403]);
    const grown = (await residentBytes()) - before;
    assert.ok(grown < 400_000_000, `${grown} bytes more`);
    for (const session of sessions) session.destroy();
  });

  test('what is too large is refused without being read', async () => {
    const socket = await openSocket();
    socket.write(`POST ${configMaps} HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n{`);
    const text = await readUntil(socket, (t) => t.includes('"code":413}'));
    assert.match(text, /Request entity too large: limit is 3145728/);
    socket.destroy();
    const session = await openSession();
    const answer = await ask(session, { ':method': 'POST', ':path': configMaps }, Buffer.alloc(3_200_000, 0x20));
    assert.equal(answer.code, 413);
    session.close();
  });
});

async function residentBytes(): Promise<number> {
  const { body } = await api.request('GET', '/metrics');
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(String(body))?.[1] ?? 0);
}

describe('lengths', limit, () => {
  test('lines and headers of several hundred KB over HTTP/1.1', async () => {
    const socket = await openSocket();
    const query = `x=${'a'.repeat(400_000)}`;
    socket.write(`GET /livez?${query} HTTP/1.1\r\nhost: x\r\nx-long: ${'b'.repeat(400_000)}\r\n\r\n`);
    assert.match(await readUntil(socket, (t) => t.endsWith('ok')), /^HTTP\/1.1 200 /);
    const beyond = await openSocket();
    beyond.write(`GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${'b'.repeat(1_100_000)}\r\n\r\n`);
    assert.match(
      await readUntil(beyond, () => false),
      /^HTTP\/1.1 431 [\s\S]*Connection: close\r\n\r\n431 Request Header Fields Too Large$/,
    );
    const stray = await openSocket();
    stray.write('GET /livez HTTP/1.1\r\nhost: x\r\na b: c\r\n\r\n');
    assert.match(
      await readUntil(stray, () => false),
      /^HTTP\/1.1 400 [\s\S]*\r\n\r\n400 Bad Request: Invalid header token$/,
    );
  });

  test('lines of 60 KB and many headers over HTTP/2', async () => {
    const session = await openSession();
    assert.equal((await ask(session, { ':path': `/livez?x=${'a'.repeat(60_000)}` })).code, 200);
    const many = Object.fromEntries(Array.from({ length: 2 }, (_, i) => [`x-long-${i}`, `${i}`.repeat(50_000)]));
    assert.equal((await ask(session, { ':path': '/livez', ...many })).code, 200);
    session.close();
  });

  /** A request over HTTP/2 in one frame, by hand: the library's client sends many small ones. */
  function headersFrame(stream: number, headers: [name: string, value: string][]): Buffer {
    const text = (value: string) => {
      const length = [Math.min(value.length, 127)];
      for (let rest = value.length - 127; rest >= 0; rest = rest > 127 ? rest >>> 7 : -1)
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
      return Buffer.concat([Buffer.from(length), Buffer.from(value)]);
    };
    const block = Buffer.concat(headers.flatMap(([name, value]) => [Buffer.alloc(1), text(name), text(value)]));
    const head = Buffer.alloc(9);
    head.writeUIntBE(block.length, 0, 3);
    head.set([1, 5], 3); // HEADERS, the last of them and of the stream
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, block]);
  }

  test('headers of up to 1 MiB over HTTP/2; of more a clear refusal, and the connection stays', async () => {
    const socket = await openSocket('admin', 'h2');
    const settings = (flags: number) => Buffer.from([0, 0, 0, 4, flags, 0, 0, 0, 0]);
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings(0)]));
    // What the server takes holds from when it has been acknowledged.
    await once(socket, 'data', { signal: AbortSignal.timeout(deadlineMs) });
    socket.write(settings(1));
    const start: [string, string][] = [[':method', 'GET'], [':scheme', 'https'], [':path', '/livez'], [':authority', 'x']]; // biome-ignore format: one
    const ask = async (stream: number, count: number, want: string) => {
      const long = Array.from({ length: count }, (_, i): [string, string] => [`x-long-${i}`, 'a'.repeat(50_000)]);
      socket.write(headersFrame(stream, [...start, ...long]));
      await waitFor(socket, want);
    };
    await ask(1, 20, 'ok');
    await ask(3, 22, 'Request Header Field(s) Too Large');
    await ask(5, 0, 'ok');
    socket.destroy();
  });
});

test('thousands of streams that are reset at once cost nobody else', limit, async () => {
  const resets = (async () => {
    for (let round = 0; round < 5; round++) {
      const session = await openSession();
      for (let i = 0; i < 1000 && !session.destroyed && !session.closed; i++) {
        const stream = session.request({ ':path': '/api/v1/pods' });
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
        if (i % 90 === 89) await new Promise(setImmediate);
      }
      session.destroy();
    }
  })();
  const session = await openSession();
  for (let i = 0; i < 20; i++) assert.equal((await ask(session, { ':path': '/livez' })).code, 200);
  await resets;
  assert.equal((await ask(session, { ':path': `${configMaps}?limit=1` })).code, 200);
  session.close();
});

test('who is refused while he sends over a connection that closes reads why, and may send on', limit, async () => {
  const socket = await openSocket();
  const bytes = 4_000_000;
  const head = ['POST HTTP/1.1', 'host: x', 'connection: close', 'content-type: application/json'].join('\r\n');
  socket.write(`${head.replace('POST', `POST ${configMaps}`)}\r\ncontent-length: ${bytes}\r\n\r\n`);
  let text = '';
  let failure: Error | undefined;
  socket.on('error', (err) => (failure = err));
  socket.on('data', (chunk) => (text += chunk));
  await once(socket, 'data');
  // The answer is there long before the body is.
  const piece = Buffer.alloc(100_000, 0x20);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!socket.write(piece)) await once(socket, 'drain', { signal: AbortSignal.timeout(deadlineMs) });
  }
  if (!socket.readableEnded) await once(socket, 'end', { signal: AbortSignal.timeout(deadlineMs) });
  assert.equal(failure, undefined);
  assert.match(text, /^HTTP\/1\.1 413 .*"reason":"RequestEntityTooLarge"/s);
  socket.destroy();
});

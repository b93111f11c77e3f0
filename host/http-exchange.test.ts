import assert from 'node:assert/strict';
import { Agent, createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { postJson, TooLargeError } from './http-exchange.ts';

async function served(answer: RequestListener, ask: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await ask((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('what is posted arrives, and the answer comes back with its code', () =>
  served(
    (request, response) => request.setEncoding('utf8').on('data', (text) => response.writeHead(201).end(`got ${text}`)),
    async (port) => {
      const { code, text } = await postJson({ protocol: 'http:', host: '127.0.0.1', port, path: '/' }, { a: 'é' }, 100);
      assert.deepEqual([code, text], [201, 'got {"a":"é"}']);
    },
  ));

test('an answer that is too large is none', () =>
  served(
    (_, response) => response.end('x'.repeat(101)),
    async (port) => {
      const to = { protocol: 'http:', host: '127.0.0.1', port, path: '/' };
      await assert.rejects(postJson(to, {}, 100), TooLargeError);
      assert.equal((await postJson(to, {}, 101)).text.length, 101);
    },
  ));

test('a kept connection that the other side ends is not the end of the question', async () => {
  const agent = new Agent({ keepAlive: true });
  let asked = 0;
  await served(
    // The second question on a connection finds it closed.
    (request, response) => (++asked === 2 ? request.socket.destroy() : response.end(String(asked))),
    async (port) => {
      const to = { protocol: 'http:', host: '127.0.0.1', port, path: '/', agent };
      assert.equal((await postJson(to, {}, 100)).text, '1');
      assert.equal((await postJson(to, {}, 100)).text, '3');
    },
  ).finally(() => agent.destroy());
});

test('an answer in another protocol is none, and does not keep us waiting', () =>
  served(
    ({ socket }) => socket.end('HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    (port) =>
      assert.rejects(postJson({ protocol: 'http:', host: '127.0.0.1', port, path: '/' }, {}, 100), /switch protocols/),
  ));

test('an answer that breaks off is none', () =>
  served(
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy()),
    (port) => assert.rejects(postJson({ protocol: 'http:', host: '127.0.0.1', port, path: '/' }, {}, 100)),
  ));

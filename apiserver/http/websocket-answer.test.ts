// Which subprotocol a long answer over a WebSocket speaks, and which requests for one are refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { WebSocketAnswer } from './websocket-answer.ts';

const types: Record<string, string> = { '/log': 'text/plain', '/watch': 'application/json' };
const server = createServer();
before(async () => {
  server.on('upgrade', (message, socket, head) => {
    const answer = new WebSocketAnswer({ message, socket, head });
    answer.writeHead(200, { 'content-type': types[message.url!]! });
    answer.end('{}\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
after(() => server.close());

/** The subprotocol, and what is said by it; or the code of a refusal. */
async function ask(path: string, protocols: string[]): Promise<[protocol: string, said: string] | number> {
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, protocols);
  const said: string[] = [];
  ws.on('message', (message: Buffer) => said.push(message.toString()));
  ws.on('error', () => undefined);
  const refused = once(ws, 'unexpected-response').then(([, response]) => {
    response.resume();
    return response.statusCode as number;
  });
  const closed = once(ws, 'close').then((): [string, string] => [ws.protocol, said.join('')]);
  return Promise.race([refused, closed]);
}

const base64 = 'base64.binary.k8s.io';
const table: [path: string, protocols: string[], want: [string, string] | number][] = [
  ['/log', [], ['', '{}\n']],
  ['/log', ['binary.k8s.io'], ['binary.k8s.io', '{}\n']],
  ['/log', [base64, 'binary.k8s.io'], [base64, 'e30K']],
  ['/log', ['binary.k8s.io', base64], ['binary.k8s.io', '{}\n']],
  ['/log', ['unknown', base64], [base64, 'e30K']],
  ['/log', ['unknown'], 403],
  ['/watch', [], ['', '{}\n']],
  ['/watch', ['whatever'], ['whatever', '{}\n']],
  ['/watch', ['binary.k8s.io', base64], 400],
];
for (const [path, protocols, want] of table)
  test(`${path} by ${protocols.join(' or ') || 'none'}: ${typeof want === 'number' ? want : want[0] || 'none'}`, async () => {
    assert.deepEqual(await ask(path, protocols), want);
  });

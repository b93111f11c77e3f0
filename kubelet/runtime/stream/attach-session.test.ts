// Attaching without containers: a log that grows, and clients over WebSocket that leave or stall.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { createLogger } from '../../../machinery/log.ts';
import type { Runtime } from '../runtime.ts';
import { EventHub } from '../store/event-hub.ts';
import { runAttach } from './attach-session.ts';
import type { CommandStreams } from './command-streams.ts';
import { commandProtocols, openWebSocketStreams } from './websocket-streams.ts';

const offer = {
  kind: 'attach' as const,
  containerId: 'c',
  stdin: false,
  stdout: true,
  stderr: true,
  tty: false,
};

function startContainer() {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-attach-'));
  const logPath = join(dir, 'logs', '0.log');
  mkdirSync(join(dir, 'logs'));
  writeFileSync(logPath, '');
  const events = new EventHub();
  const containers = { get: () => ({ id: 'c', logPath, startedAtNs: '1', config: {} }) };
  const rt = { containers, events, paths: { state: dir }, log: createLogger('test', 'error') } as unknown as Runtime;
  const write = (text: string) => appendFileSync(logPath, `T stdout F ${text}\n`);
  return { rt, events, write, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

test('a client that leaves while the container writes does no harm', async () => {
  using container = startContainer();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [ws, { socket }] = (await once(server, 'connection')) as [WebSocket, IncomingMessage];
  const ended = runAttach(container.rt, offer, openWebSocketStreams({ ws, socket }, commandProtocols['']!, offer));
  await once(client, 'open');
  // Written, and not read yet, when the client is seen to be gone.
  ws.prependListener('close', () => container.write('more'));
  client.terminate();
  assert.deepEqual(await ended, { metadata: {}, status: 'Success' });
  await new Promise((resolve) => setImmediate(resolve));
  server.close();
});

test('a client that stalls holds up the reading of the log, not memory', async () => {
  using container = startContainer();
  const taken: string[] = [];
  let letGo: () => void = () => undefined;
  const stdout = new Writable({
    highWaterMark: 1 << 16,
    write(chunk: Buffer, _encoding, done) {
      taken.push(String(chunk));
      if (taken.length === 1) letGo = done;
      else done();
    },
  });
  const gone = new AbortController();
  const streams: CommandStreams = {
    stdin: null,
    stdout,
    stderr: null,
    onResize: () => undefined,
    finish: async () => undefined,
    gone: gone.signal,
  };
  const ended = runAttach(container.rt, offer, streams);
  const line = 'x'.repeat(1 << 15);
  for (let i = 0; i < 200; i++) container.write(line);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(stdout.writableLength < 1 << 18, `${stdout.writableLength} bytes are held`);
  letGo();
  await new Promise((resolve) => setTimeout(resolve, 100));
  container.events.publish({ id: 'c', sandboxId: 's', type: 'CONTAINER_STOPPED_EVENT', atNs: '1' });
  await ended;
  assert.equal(taken.join('').length, 200 * (line.length + 1));
});

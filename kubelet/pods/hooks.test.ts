import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runHook } from './hooks.ts';

test('an HTTP hook without an answer ends when it is told to, also after the headers', async () => {
  const server = createServer((req, res) => {
    if (req.url === '/headers') res.write('.');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const path of ['/silent', '/headers']) {
    const stop = new AbortController();
    const hook = runHook(
      { cri: {} as CriClient, clock: new FakeClock() },
      { httpGet: { port, path } },
      { container: { name: 'app' }, containerId: 'c', podIp: '127.0.0.1', signal: stop.signal },
    );
    await once(server, 'request');
    stop.abort(new Error('the pod is being ended'));
    await assert.rejects(hook);
  }
  server.closeAllConnections();
  server.close();
});

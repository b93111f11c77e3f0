import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { LifecycleHandler } from '../../api/core/pod/probe.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runHook } from './hooks.ts';

const pod: Pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u' }, spec: { containers: [] }, status: {} };

test('how a hook fails is what the container waits with', async () => {
  const answer = { exit_code: 3, stdout: Buffer.from('out'), stderr: Buffer.from('err') };
  const told: string[] = [];
  const deps = {
    cri: { runtime: { ExecSync: async () => answer } } as unknown as CriClient,
    clock: new FakeClock(),
    events: { event: (_: unknown, ...words: string[]) => told.push(words.join(' ')) } as unknown as EventRecorder,
  };
  const credentials: unknown[] = [];
  const server = createServer((req, res) => {
    credentials.push(req.headers.authorization);
    res.writeHead(500).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const run = (hook: LifecycleHandler) =>
    runHook(deps, hook, {
      pod,
      container: { name: 'app' },
      containerId: 'c',
      podIp: '127.0.0.1',
      signal: new AbortController().signal,
    });
  const httpHeaders = [{ name: 'Authorization', value: 'secret' }];
  await run({ httpGet: { port, path: '/', httpHeaders } });
  await run({ httpGet: { port, path: '/', httpHeaders, scheme: 'HTTPS' } });
  assert.deepEqual(credentials, ['secret', undefined]);
  const fallback = `request to HTTPS lifecycle hook 127.0.0.1:${port} got HTTP response, retry with HTTP succeeded`;
  assert.deepEqual(told, [`Warning LifecycleHTTPFallback ${fallback}`]);
  server.close();
  await once(server, 'close');
  const who = 'for Container "app" in Pod "p_ns(u)" failed - error:';
  await assert.rejects(run({ exec: { command: ['sh', '-c', 'x'] } }), {
    message: `Exec lifecycle hook ([sh -c x]) ${who} command 'sh -c x' exited with 3: err, message: "outerr"`,
  });
  answer.stderr = Buffer.alloc(3_000_000, 1);
  await assert.rejects(run({ exec: { command: ['x'] } }), (err: Error) => err.message.length < 100_000);
  const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
  await assert.rejects(run({ httpGet: { port, path: '/x' } }), {
    message: `HTTP lifecycle hook (/x) ${who} Get "http://127.0.0.1:${port}/x": ${refused}`,
  });
});

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
      { cri: {} as CriClient, clock: new FakeClock(), events: {} as EventRecorder },
      { httpGet: { port, path } },
      { pod, container: { name: 'app' }, containerId: 'c', podIp: '127.0.0.1', signal: stop.signal },
    );
    await once(server, 'request');
    stop.abort(new Error('the pod is being ended'));
    await assert.rejects(hook);
  }
  server.closeAllConnections();
  server.close();
});

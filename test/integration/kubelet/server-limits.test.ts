// The kubelet's server and requests that are too large, that never end, or that come from nobody it knows.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { issueCertificate, makeAuthority } from '../../../cli/pki/issue.ts';
import { realClock } from '../../../machinery/clock.ts';
import { freePort } from '../../environment/control-plane.ts';
import { startKubeletServer, type TestKubeletServer } from '../../environment/kubelet-server.ts';

describe("limits of the kubelet's server", () => {
  let server: TestKubeletServer;
  const asked: string[][] = [];

  before(async () => {
    const running = { state: { running: {} }, containerID: 'k8ts://c', name: 'c' };
    const worker = {
      pod: { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c' }] } },
      status: { containerStatuses: [running] },
      sandboxId: 's',
    };
    // What is asked of the runtime is noted; there is none to join.
    const Exec = async ({ cmd }: { cmd: string[] }) => {
      asked.push(cmd);
      return { url: `http://127.0.0.1:${await freePort()}/` };
    };
    const pods = { find: () => worker, list: () => [] };
    server = await startKubeletServer({ pods, cri: { runtime: { Exec } } });
  });
  after(() => server.close());

  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    server.ask(path, { headers, method });

  test('a command of 400 KB reaches the runtime, a head of more than a megabyte is refused', async () => {
    const upgrade = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' };
    const text = 'x'.repeat(200_000);
    const path = (part: string) => `/exec/default/p/c?output=1&command=echo&command=${part}&command=${part}`;
    const { code, text: answer } = await ask(path(text), upgrade, 'POST');
    assert.deepEqual([code, asked.at(-1)], [500, ['echo', text, text]]);
    assert.match(answer, /error dialing the container runtime/);
    // Whether the answer is read before the connection breaks is a matter of luck: it comes while
    // the head is still being sent.
    const refused = ask(path('x'.repeat(600_000)), upgrade, 'POST').catch((err: NodeJS.ErrnoException) => err);
    const outcome = await refused;
    assert.ok('text' in outcome ? outcome.code === 431 : ['ECONNRESET', 'EPIPE'].includes(outcome.code ?? ''));
    assert.equal((await ask('/healthz')).code, 200);
  });

  test('ports that are none, and URLs that are none', async () => {
    const upgrade = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' };
    for (const port of ['0', '65536', 'x', '-1', '1e3', '80,']) {
      const { code, text } = await ask(`/portForward/default/p?port=${port}`, upgrade, 'POST');
      if (port === '80,') continue;
      assert.deepEqual([port, code, text], [port, 400, `unable to parse ${JSON.stringify(port)} as a port`]);
    }
    assert.equal((await ask('//')).code, 400);
    assert.equal((await ask('/%zz')).code, 400);
  });

  test('a body that nobody asked for does not keep its connection', async () => {
    const socket = connect(await server.options(null));
    await once(socket, 'secureConnect');
    socket.on('error', () => undefined);
    socket.write('POST /pods HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk));
    await once(socket, 'close');
    assert.match(answer, /^HTTP\/1\.1 401 /);
  });

  test('authorities of clients that change: who was known is not, with a session from before neither', async (t) => {
    const one = await startKubeletServer({});
    t.after(() => one.close());
    const other = await makeAuthority({ file: '', commonName: 'other' }, realClock.now());
    const plan = { file: '', authority: '', commonName: 'somebody', usages: ['client'] as const };
    const { certificatePem: cert, keyPem: key } = await issueCertificate(plan, other, realClock.now());
    const known = await one.options('somebody');
    const code = (options: object) =>
      new Promise((resolve, reject) => {
        const req = request({ ...known, agent: false, path: '/healthz', ...options }, (res) => {
          res.resume();
          resolve(res.statusCode);
        });
        req.on('error', reject).end();
      });
    let session: Buffer | undefined;
    const early = connect(known);
    early.once('session', (given) => {
      session = given;
    });
    early.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(early, 'data');
    assert.ok(session);
    assert.deepEqual([await code({}), await code({ cert, key })], [200, 401]);
    one.trust(Buffer.from(other.certificatePem));
    await once(early, 'close');
    assert.deepEqual([await code({}), await code({ cert, key }), await code({ session })], [401, 200, 401]);
  });

  test('connections of strangers are limited, and do not keep out the API server', async () => {
    const strangers: TLSSocket[] = [];
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const socket = connect(await server.options(null)).on('error', () => undefined);
      socket.once('close', () => refused++);
      strangers.push(socket);
      await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => undefined);
    }
    try {
      assert.equal((await ask('/healthz')).code, 200);
      while (refused < 300 - 256) await realClock.sleep(10);
      assert.equal(refused, 300 - 256);
    } finally {
      for (const socket of strangers) socket.destroy();
    }
  });
});

// Redirects, against a real server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { HTTPGetAction } from '../../api/core/pod/probe.ts';
import { realClock } from '../../machinery/clock.ts';
import { createHttpProber, headersOf } from './http-probe.ts';

const server = createServer((request, response) => {
  const [, status = '', ...rest] = (request.url ?? '').split('/');
  const hop = Number(rest[1] ?? 0);
  const location = {
    far: 'http://elsewhere.invalid/',
    near: '/200',
    whole: `http://127.0.0.1:${port()}/200/host`,
    part: `//127.0.0.1:${port()}/200/host`,
    loop: `/302/loop/${hop + 1}`,
    slow: `/302/slow/${hop + 1}`,
    chain: hop < 9 ? `/302/chain/${hop + 1}` : '/200',
  }[rest[0] ?? ''];
  if (status === '101') return void response.writeHead(101, { connection: 'Upgrade', upgrade: 'x' }).end();
  response.writeHead(Number(status), location === undefined ? {} : { location });
  if (rest[0] === 'endless') return void response.write('x'.repeat(20 << 10));
  if (rest[0] === 'host') return void response.end(request.headers.host?.replace(`:${port()}`, ''));
  setTimeout(() => response.end(status === '200' ? 'here' : 'gone there'), rest[0] === 'slow' ? 300 : 0);
});
const port = () => (server.address() as AddressInfo).port;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

const cases: [path: string, outcome: string, output: RegExp | string, isWarning?: true][] = [
  ['/200', 'success', 'here'],
  ['/200/endless', 'success', 'x'.repeat(10 << 10)],
  ['/302/near', 'success', 'here'],
  ['/302/far', 'success', 'Probe terminated redirects, Response body: gone there', true],
  ['/308/far', 'success', 'Probe terminated redirects, Response body: gone there', true],
  ['/302', 'success', 'Probe terminated redirects, Response body: gone there', true],
  ['/300/near', 'success', 'Probe terminated redirects, Response body: gone there', true],
  ['/302/chain/1', 'success', 'here'],
  ['/302/chain/0', 'failure', /^Get "http:\/\/127.0.0.1:\d+\/200": stopped after 10 redirects$/],
  ['/302/loop/0', 'failure', /^Get "http:\/\/127.0.0.1:\d+\/302\/loop\/10": stopped after 10 redirects$/],
  ['/101', 'failure', 'HTTP probe failed with statuscode: 101'],
  ['/404', 'failure', 'HTTP probe failed with statuscode: 404'],
];

test('headers of a request', () => {
  const of = (...httpHeaders: [string, string][]) =>
    headersOf({ port: 80, httpHeaders: httpHeaders.map(([name, value]) => ({ name, value })) });
  const own = { 'user-agent': 'kube-probe/1.36', connection: 'close' };
  assert.deepEqual(of(), { ...own, accept: '*/*' });
  assert.deepEqual(of(['X-A', '1'], ['x-a', '2']), { ...own, accept: '*/*', 'x-a': ['1', '2'] });
  assert.deepEqual(of(['Accept', ''], ['Host', 'h'], ['User-Agent', 'me']), {
    ...own,
    host: 'h',
    'user-agent': ['me'],
  });
});

function probe(path: string, httpHeaders: HTTPGetAction['httpHeaders'] = [], timeoutSeconds = 30) {
  const pod = { metadata: { name: 'p' }, spec: { containers: [] }, status: {} };
  const target = { pod, container: { name: 'app' }, containerId: 'c', podIp: '127.0.0.1' };
  return createHttpProber(realClock)({ httpGet: { path, port: port(), httpHeaders }, timeoutSeconds }, target);
}

describe('an http probe', () => {
  test('says another Host only to whom it was meant for', async () => {
    for (const [path, host] of [
      ['/200/host', 'example'],
      ['/302/part', 'example'],
      ['/302/whole', '127.0.0.1'],
    ] as const) {
      assert.equal((await probe(path, [{ name: 'Host', value: 'example' }])).output, host, path);
    }
  });

  test('has its time for all redirects together', async () => {
    const { outcome, output } = await probe('/302/slow/0', [], 1);
    assert.equal(outcome, 'failure');
    assert.match(output, /context deadline exceeded/);
  });

  for (const [path, outcome, output, isWarning] of cases) {
    test(`of ${path}`, async () => {
      const result = await probe(path);
      assert.equal(result.outcome, outcome);
      assert.equal(result.isWarning, isWarning);
      if (typeof output === 'string') assert.equal(result.output, output);
      else assert.match(result.output, output);
    });
  }
});

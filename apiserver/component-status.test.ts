// Component statuses: asked for anew each time, from components that are well, ill and gone.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ComponentStatusKind } from '../api/core/componentstatus.ts';
import type { StatusError } from '../machinery/errors.ts';
import { cellsOf } from '../test/builders/kind-rules.ts';
import { componentStatuses, readProbes } from './component-status.ts';
import type { Answer } from './endpoints/exchange.ts';

const ask = (handler: ReturnType<typeof componentStatuses>, verb: string, name = ''): Promise<Answer> =>
  handler(undefined, { info: { verb, name } } as never);

async function startComponents() {
  const server = createServer((request, response) => {
    if (request.url === '/long') return void response.end('x'.repeat(100_000));
    response.statusCode = request.url === '/ill' ? 500 : 200;
    response.end(request.url === '/ill' ? 'it hurts' : 'ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('each component says how it is', async () => {
  const { server, url } = await startComponents();
  try {
    const gone = 'gone=http://127.0.0.1:1/healthz';
    const handler = componentStatuses(readProbes([`well=${url}/healthz`, `ill=${url}/ill`, `long=${url}/long`, gone]));
    const answer = await ask(handler, 'list');
    assert.ok(answer.type === 'list');
    const rows = answer.list.items.map(({ object }) => [object.metadata.name, ...cellsOf(ComponentStatusKind, object)]);
    assert.deepEqual(rows, [
      ['well', 'Healthy', 'ok', ''],
      ['ill', 'Unhealthy', ...Array(2).fill('unexpected HTTP status 500: it hurts')],
      ['long', 'Unhealthy', ...Array(2).fill('the answer is too long')],
      ['gone', 'Unhealthy', ...Array(2).fill('connect ECONNREFUSED 127.0.0.1:1')],
    ]);
    const one = await ask(handler, 'get', 'well');
    assert.ok(one.type === 'object');
    assert.deepEqual(one.stored.object.conditions, [{ type: 'Healthy', status: 'True', message: 'ok' }]);
  } finally {
    server.close();
  }
});

test('of one that there is not, nothing is known', async () => {
  const handler = componentStatuses({ a: async () => 'ok' });
  await assert.rejects(ask(handler, 'get', 'toString'), (err: StatusError) => {
    assert.deepEqual([err.code, err.message], [404, 'componentstatuses "toString" not found']);
    return true;
  });
});

test('a flag that names no URL is refused', () => {
  for (const entry of ['scheduler', 'scheduler=', 'x=ftp://a', '=http://a', 'a b=http://c']) {
    assert.throws(() => readProbes([entry]), /--component-health: .* is not NAME=URL/);
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import { buildService, buildSlice } from '../../test/builders/service.ts';
import { HealthChecks, modelHealthCheck } from './health-checks.ts';

const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 };

test('ready endpoints of this node count, each once', () => {
  const slices = [
    buildSlice('web', ['10.0.0.1', '10.0.0.2', { ip: '10.0.0.3', nodeName: 'there' }]),
    buildSlice('web', ['10.0.0.1', { ip: '10.0.0.4', conditions: { ready: false } }]),
  ];
  const want = { namespace: 'default', name: 'web', port: 32_000, localEndpoints: 2 };
  assert.deepEqual(modelHealthCheck(buildService('web', spec), slices, 'here'), want);
  const cluster = buildService('web', { ...spec, externalTrafficPolicy: 'Cluster' });
  assert.equal(modelHealthCheck(cluster, slices, 'here'), undefined);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function ask(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.json() };
}

/** Servers begin and end a moment after they are told to. */
async function until<T>(what: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const value = await what();
    if (isRight(value)) return value;
    await realClock.sleep(5);
  }
  throw new Error('it did not come to be');
}

test('a load balancer is told whether there are endpoints here, until the service is gone', async () => {
  const port = await freePort();
  const checks = new HealthChecks(silentLogger);
  const check = { namespace: 'default', name: 'web', port, localEndpoints: 1 };
  const status = () => ask(port).catch(() => undefined);
  checks.update([check]);
  const answer = await until(status, (a) => a !== undefined);
  assert.deepEqual(answer, {
    status: 200,
    body: { service: { namespace: 'default', name: 'web' }, localEndpoints: 1, serviceProxyHealthy: true },
  });
  checks.update([{ ...check, localEndpoints: 0 }]);
  assert.equal((await ask(port)).status, 503);
  checks.close();
  await until(status, (a) => a === undefined);
});

test('a port that is taken is tried again', async () => {
  const other = createServer((_, response) => response.end('{}')).listen(0, '0.0.0.0');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const checks = new HealthChecks(silentLogger);
  const check = { namespace: 'default', name: 'web', port, localEndpoints: 0 };
  checks.update([check]);
  await realClock.sleep(20);
  other.close();
  await once(other, 'close');
  await until(
    async () => {
      checks.update([check]);
      return (await ask(port).catch(() => undefined))?.status;
    },
    (code) => code === 503,
  );
  checks.close();
});

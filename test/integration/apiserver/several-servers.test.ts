// Three API servers on three members of etcd: who lives is an endpoint of the kubernetes Service, what a member of etcd
// suffers costs no client its watch, and a server that ends does so in order.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { type EtcdCluster, startEtcdCluster } from '../../environment/etcd-cluster.ts';
import { OpenWatch } from '../../environment/open-watch.ts';

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;
const configMaps = '/api/v1/namespaces/default/configmaps';
const deadlineMs = 60_000;

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const untilMs = realClock.monotonicMs() + deadlineMs;
  while (!(await check().catch(() => false))) {
    if (realClock.monotonicMs() > untilMs) assert.fail(`not within ${deadlineMs} ms: ${what}`);
    await realClock.sleep(100);
  }
}

async function endpoints(plane: TestControlPlane): Promise<string[]> {
  const { body } = await plane.request('GET', '/api/v1/namespaces/default/endpoints/kubernetes');
  return body.subsets.flatMap((one: any) => one.addresses.map(({ ip }: any) => ip));
}

/** Creates it at any of the servers; what had no answer is tried again. */
async function create(plane: TestControlPlane, name: string): Promise<void> {
  await eventually(`${name} is created`, async () => {
    const { status } = await plane.request('POST', configMaps, { body: { metadata: { name } } });
    return status === 201 || status === 409;
  });
}

describe('three API servers on three members of etcd', { skip: hasEtcd ? false : 'etcd is not installed' }, () => {
  let etcd: EtcdCluster;
  let planes: [TestControlPlane, TestControlPlane, TestControlPlane];
  before(async () => {
    etcd = await startEtcdCluster(3);
    const [a = '', b = '', c = ''] = etcd.servers;
    const first = await startControlPlane([], [a, b, c]);
    const startPeer = (n: number, servers: string[]) =>
      first.startPeer([
        ...['--advertise-address', `192.0.2.${n}`, '--etcd-servers', servers.join()],
        ...['--shutdown-delay-duration', '1500ms'],
      ]);
    planes = [first, await startPeer(2, [b, c, a]), await startPeer(3, [c, a, b])];
  });
  after(async () => {
    await planes?.[0][Symbol.asyncDispose]();
    await etcd?.[Symbol.asyncDispose]();
  });

  test('all are endpoints of the kubernetes Service', async () => {
    const all = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    await eventually('three endpoints', async () => (await endpoints(planes[0])).join() === all.join());
    const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
    const { body } = await planes[1].request('GET', path);
    assert.deepEqual(
      body.endpoints.flatMap((one: any) => one.addresses),
      all,
    );
  });

  test('a member that hangs, and its end, cost no watch; writes go on', async () => {
    const watches = await Promise.all(planes.map((plane) => OpenWatch.open(plane, `${configMaps}?watch=true`)));
    try {
      for (const index of [0, 1, 2]) {
        await etcd.signal(index, 'SIGSTOP');
        for (const [at, plane] of planes.entries()) await create(plane, `hung-${index}-${at}`);
        for (const watch of watches) await watch.until(`hung-${index}-2`, deadlineMs);
        await etcd.signal(index, 'SIGKILL');
        etcd.start(index);
        await etcd.ready();
      }
      const expected = [0, 1, 2].flatMap((index) => [0, 1, 2].map((at) => `hung-${index}-${at}`));
      for (const watch of watches) {
        const seen = watch.names.filter((name) => name.startsWith('hung-'));
        assert.deepEqual(seen, expected, 'each once, in order');
      }
    } finally {
      for (const watch of watches) watch[Symbol.dispose]();
    }
  });

  test('a server that ends is no endpoint any more, serves for the delay, ends its watches and exits with 0', async () => {
    const plane = planes[1];
    using watch = await OpenWatch.open(plane, `${configMaps}?watch=true`);
    const slow = beginUpload(plane, 'slow');
    await slow.begun;
    const exit = plane.stopApiServer();
    await eventually('readiness fails', async () => (await plane.request('GET', '/readyz')).status === 500);
    const { body } = await plane.request('GET', '/readyz');
    assert.match(body, /\[\+\]etcd ok\n(.*\n)*\[-\]shutdown failed/);
    assert.equal((await plane.request('GET', '/livez')).status, 200);
    assert.equal((await plane.request('GET', configMaps)).status, 200, 'it serves for the delay');
    await create(planes[0], 'while-ending');
    await watch.until('while-ending', deadlineMs);
    assert.equal(await watch.ended, 'clean');
    assert.equal(watch.events.at(-1)?.type, 'ADDED', 'no error was told');
    assert.ok(!(await endpoints(planes[0])).includes('192.0.2.2'));
    await assert.rejects(plane.request('GET', '/readyz'), /ECONNREFUSED/);
    assert.equal(await slow.finish(), 201, 'what was under way is answered');
    assert.equal(await exit, 0);
  });

  test('a server that is killed is an endpoint until its key has gone', async () => {
    await planes[2].killApiServer();
    await eventually('one endpoint', async () => (await endpoints(planes[0])).join() === '192.0.2.1');
  });
});

/** Sends half of a body, and the rest when asked to. */
function beginUpload(plane: TestControlPlane, name: string) {
  const text = JSON.stringify({ metadata: { name } });
  const { ca, cert, key } = plane.config;
  const headers = { 'content-type': 'application/json', 'content-length': text.length, expect: '100-continue' };
  const upload = request(`${plane.server}${configMaps}`, { method: 'POST', ca, cert, key, headers, agent: false });
  const begun = once(upload, 'continue').then(() => void upload.write(text.slice(0, 5)));
  upload.flushHeaders();
  const answered = once(upload, 'response');
  return {
    /** The server reads the body. */
    begun,
    async finish(): Promise<number> {
      upload.end(text.slice(5));
      const [response] = await answered;
      response.resume();
      return response.statusCode;
    },
  };
}

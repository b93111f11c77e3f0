// Drivers that make themselves known through real sockets, and what the API says of them then.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Server, status } from '@grpc/grpc-js';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { NodeMethods } from '../../proto/csi.gen.ts';
import { nodeService, registrationService } from '../../proto/csi-client.ts';
import type { RegistrationMethods, RegistrationStatus } from '../../proto/plugin-registration.gen.ts';
import { addUnaryService, listenOnSocket } from '../../proto/unary-server.ts';
import { FakeCsiNode } from '../../test/builders/csi-driver.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { eventually } from '../../test/environment/controllers.ts';
import { CsiNode } from './csi-node.ts';
import { CsiDrivers } from './drivers.ts';
import { PluginWatcher } from './plugin-watcher.ts';

const translate = (_rpc: string, err: unknown) => ({ code: status.INTERNAL, details: (err as Error).message });

/** A driver in its own sockets; `told` yields what the kubelet says to it, one by one. */
async function serve(dir: string, fake: FakeCsiNode, more: { type?: string; versions?: string[]; file?: string } = {}) {
  const heard: RegistrationStatus[] = [];
  let wake: () => void = () => undefined;
  const server = new Server();
  const { type = 'CSIPlugin', versions = ['1.0.0'], file = fake.name } = more;
  const socket = join(dir, 'registry', `${file}.sock`);
  addUnaryService<NodeMethods>(server, nodeService, { handlers: fake.handlers, translate });
  addUnaryService<RegistrationMethods>(server, registrationService, {
    handlers: {
      GetInfo: async () => ({ type, name: fake.name, endpoint: socket, supported_versions: versions }),
      NotifyRegistrationStatus: async (said) => {
        heard.push(said);
        wake();
        return {};
      },
    },
    translate,
  });
  mkdirSync(join(dir, 'registry'), { recursive: true });
  // Put into place at once: one that was there is never gone.
  const next = join(dir, 'registry', `.${fake.name}`);
  await listenOnSocket(server, next);
  renameSync(next, socket);
  return {
    async told(): Promise<RegistrationStatus> {
      while (heard.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return heard.shift()!;
    },
    die: () => server.forceShutdown(),
    stop() {
      server.forceShutdown();
      rmSync(socket, { force: true });
    },
  };
}

async function setUp(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-registry-'));
  const api = await startMemoryApi();
  await api.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n' } } });
  const client = memoryClient(api);
  const csiNode = new CsiNode(client, 'n');
  const drivers = new CsiDrivers(csiNode);
  const watcher = new PluginWatcher({
    dir: join(dir, 'registry'),
    drivers,
    clock: realClock,
    log: silentLogger,
  });
  const end = new AbortController();
  t.after(() => {
    end.abort();
    drivers.close();
    rmSync(dir, { recursive: true });
  });
  const get = (path: string) => api.send('GET', path);
  return {
    dir,
    csiNode,
    drivers,
    start: () => watcher.start(end.signal),
    get,
    csiDrivers: async () => (await get('/apis/storage.k8s.io/v1/csinodes/n')).spec?.drivers ?? [],
    node: () => get('/api/v1/nodes/n'),
  };
}

test('a driver is taken on, told of in the API, and dropped with its socket', async (t) => {
  const { dir, csiNode, drivers, start, get, csiDrivers, node } = await setUp(t);
  await csiNode.create();
  const owner = (await get('/apis/storage.k8s.io/v1/csinodes/n')).metadata.ownerReferences[0];
  assert.deepEqual([owner.kind, owner.name, await csiDrivers()], ['Node', 'n', []]);
  const first = await serve(dir, new FakeCsiNode('a.example'));
  await start();
  assert.deepEqual(await first.told(), { plugin_registered: true, error: '' });
  // One that comes later.
  const second = await serve(dir, new FakeCsiNode('b.example', { stages: false }));
  assert.equal((await second.told()).plugin_registered, true);
  const entry = (name: string) => ({
    name,
    nodeID: `${name}-id`,
    topologyKeys: [`topology.${name}/zone`],
    allocatable: { count: 7 },
  });
  assert.deepEqual(await csiDrivers(), [entry('a.example'), entry('b.example')]);
  const { metadata } = await node();
  assert.equal(metadata.labels['topology.a.example/zone'], 'z1');
  assert.deepEqual(JSON.parse(metadata.annotations['csi.volume.kubernetes.io/nodeid']), {
    'a.example': 'a.example-id',
    'b.example': 'b.example-id',
  });
  assert.deepEqual([...drivers.find('a.example')!.capabilities], ['STAGE_UNSTAGE_VOLUME']);
  first.stop();
  await eventually('it is dropped', csiDrivers, (found) => found.length === 1);
  assert.deepEqual(await csiDrivers(), [entry('b.example')]);
  assert.throws(
    () => drivers.get('a.example', 'x'),
    /driver name a.example not found in the list of registered CSI drivers/,
  );
  const ids = JSON.parse((await node()).metadata.annotations['csi.volume.kubernetes.io/nodeid']);
  assert.deepEqual(Object.keys(ids), ['b.example']);
  second.stop();
});

test('one that never answers holds up no other', async (t) => {
  const { dir, drivers, start } = await setUp(t);
  mkdirSync(join(dir, 'registry'));
  const held: Socket[] = [];
  const silent = createServer((connection) => held.push(connection)).listen(join(dir, 'registry/a.sock'));
  t.after(() => {
    silent.close();
    for (const connection of held) connection.destroy();
  });
  await start();
  const first = await serve(dir, new FakeCsiNode('b.example'));
  await first.told();
  first.stop();
  await eventually(
    'it is dropped',
    async () => drivers.find('b.example'),
    (found) => !found,
  );
});

test('of two sockets of one driver the one that is left counts', async (t) => {
  const { dir, drivers, start } = await setUp(t);
  const first = await serve(dir, new FakeCsiNode('a.example'), { file: 'first' });
  await start();
  await first.told();
  const second = await serve(dir, new FakeCsiNode('a.example'), { file: 'second' });
  t.after(() => second.stop());
  await second.told();
  first.stop();
  assert.equal((await second.told()).plugin_registered, true);
  assert.notEqual(drivers.find('a.example'), undefined);
});

test('one that the API refuses is told why', async (t) => {
  const { dir, start } = await setUp(t);
  const served = await serve(dir, new FakeCsiNode('A'));
  t.after(() => served.stop());
  await start();
  assert.match((await served.told()).error, /^Node "n" is invalid: metadata.labels: Invalid value: "topology.A\/zone"/);
});

for (const name of ['..', 'a/b', '', '__proto__'])
  test(`one that calls itself ${JSON.stringify(name)} leaves nothing behind`, async (t) => {
    const { csiNode, node, csiDrivers } = await setUp(t);
    await csiNode.create();
    const info = { node_id: 'x', max_volumes_per_node: '0', accessible_topology: null };
    await assert.rejects(csiNode.add(name, info), /^StatusError: CSINode.storage.k8s.io "n" is invalid: /);
    assert.equal((await node()).metadata.annotations?.['csi.volume.kubernetes.io/nodeid'], undefined);
    assert.deepEqual(await csiDrivers(), []);
  });

test('a driver is dropped when another one has its socket', async (t) => {
  const { dir, csiNode, drivers, start, csiDrivers } = await setUp(t);
  await csiNode.create();
  const first = await serve(dir, new FakeCsiNode('a.example'));
  t.after(() => first.die());
  await start();
  await first.told();
  first.die();
  const second = await serve(dir, new FakeCsiNode('b.example'), { file: 'a.example' });
  t.after(() => second.die());
  await second.told();
  await eventually('it is dropped', csiDrivers, (found) => found.length === 1);
  assert.equal((await csiDrivers())[0].name, 'b.example');
  assert.equal(drivers.find('a.example'), undefined);
});

const refusals: [string, { type?: string; versions?: string[] }, RegExp][] = [
  ['a version of another time', { versions: ['0.3.0'] }, /none of the CSI versions \["0.3.0"\] is supported/],
  ['another sort of plugin', { type: 'DevicePlugin' }, /plugins of type "DevicePlugin" are not supported/],
];
for (const [name, more, text] of refusals) {
  test(`refused with a reason: ${name}`, async (t) => {
    const { dir, start, drivers } = await setUp(t);
    const served = await serve(dir, new FakeCsiNode('a.example'), more);
    t.after(() => served.stop());
    await start();
    const { plugin_registered, error } = await served.told();
    assert.equal(plugin_registered, false);
    assert.match(error, text);
    assert.equal(drivers.find('a.example'), undefined);
  });
}

test('a label of the node that says another place stands, and the driver is told', async (t) => {
  const { csiNode, node } = await setUp(t);
  const info = (zone: string) => ({
    node_id: 'x',
    max_volumes_per_node: '0',
    accessible_topology: { segments: { 'a.example/zone': zone } },
  });
  await csiNode.add('a.example', info('z1'));
  await assert.rejects(
    csiNode.add('b.example', info('z2')),
    /driver reported "a.example\/zone":"z2" but existing label is "a.example\/zone":"z1"/,
  );
  assert.equal((await node()).metadata.labels['a.example/zone'], 'z1');
});

test('the limit of a driver that is there may change, and go', async (t) => {
  const { csiNode, csiDrivers } = await setUp(t);
  const info = (max: number) => ({ node_id: 'x', max_volumes_per_node: String(max), accessible_topology: null });
  const counts = async () => (await csiDrivers()).map((d: any) => d.allocatable?.count);
  for (const name of ['a.example', 'b.example']) await csiNode.add(name, info(3));
  await csiNode.setLimit('a.example', info(5));
  assert.deepEqual(await counts(), [5, 3]);
  await csiNode.setLimit('a.example', info(0));
  await csiNode.setLimit('none.example', info(9));
  assert.deepEqual(await counts(), [undefined, 3]);
});

test('a driver that names the node anew is written anew', async (t) => {
  const { csiNode, csiDrivers } = await setUp(t);
  const info = (node_id: string) => ({ node_id, max_volumes_per_node: '0', accessible_topology: null });
  await csiNode.add('a.example', info('one'));
  await csiNode.add('b.example', info('b'));
  await csiNode.add('a.example', info('two'));
  assert.deepEqual(
    (await csiDrivers()).map((d: any) => [d.name, d.nodeID]),
    [
      ['b.example', 'b'],
      ['a.example', 'two'],
    ],
  );
});

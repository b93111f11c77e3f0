// One run: servers, traffic, watches and faults for a while; then everything is mended, what happened last must reach
// every watch, and the whole history is held against the rules.
import assert from 'node:assert/strict';
import { realClock } from '../../machinery/clock.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { startControlPlane, type TestControlPlane } from '../environment/control-plane.ts';
import { startEtcdCluster } from '../environment/etcd-cluster.ts';
import type { Draw } from '../environment/fuzz.ts';
import { TcpLink } from '../environment/tcp-link.ts';
import { ApiClient } from './api-client.ts';
import type { Recorded } from './check.ts';
import { EtcdRecorder } from './etcd-recorder.ts';
import { History, type Resource, resources, revisionOf } from './history.ts';
import { Nemesis, type Place } from './nemesis.ts';
import { collectionPath, shapes, widgetDefinition } from './resources.ts';
import { selection } from './selection.ts';
import { runTraffic } from './traffic.ts';
import { Watcher } from './watchers.ts';

export interface Scenario {
  apiServers: number;
  etcdMembers: number;
  clients: number;
  watchers: number;
  seconds: number;
}

const namespace = 'robustness';
const settleMs = 40_000;

/** An API server for each set of ways to the members of etcd. */
async function startServers(
  links: readonly (readonly TcpLink[])[],
): Promise<[TestControlPlane, ...TestControlPlane[]]> {
  const [first, ...others] = links.map((ways) => ways.map(({ port }) => `http://127.0.0.1:${port}`));
  const plane = await startControlPlane([], first);
  const peers: TestControlPlane[] = [];
  try {
    for (const servers of others) peers.push(await plane.startPeer([], servers));
  } catch (err) {
    await plane[Symbol.asyncDispose]();
    throw err;
  }
  return [plane, ...peers];
}

/** Until every server has the kind from its definition. */
async function serveWidgets(servers: readonly TestControlPlane[]): Promise<void> {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const { status, body } = await servers[0]!.request('POST', definitions, { body: widgetDefinition });
  assert.equal(status, 201, JSON.stringify(body));
  const untilMs = realClock.monotonicMs() + settleMs;
  for (const server of servers) {
    while ((await server.request('GET', collectionPath('widgets', namespace))).status !== 200) {
      assert.ok(realClock.monotonicMs() < untilMs, 'the kind of the definition is not served');
      await realClock.sleep(50);
    }
  }
}

export async function runScenario(scenario: Scenario, draw: Draw): Promise<Recorded> {
  await using etcd = await startEtcdCluster(scenario.etcdMembers);
  const history = new History();
  using recorder = new EtcdRecorder(etcd.gateways, history);
  await using stack = new AsyncDisposableStack();
  const links: TcpLink[][] = [];
  for (let i = 0; i < scenario.apiServers; i++) {
    const ways = await Promise.all(etcd.servers.map((server) => TcpLink.open(Number(new URL(server).port))));
    for (const way of ways) stack.defer(() => way.close());
    links.push(ways);
  }
  const servers = await startServers(links);
  stack.use(servers[0]);
  await servers[0].namespace(namespace);
  await serveWidgets(servers);
  const place: Place = { etcd, recorder, servers, links };
  const clientNamed = (name: string) => stack.use(new ApiClient(name, servers, history, namespace));
  const clients = Array.from({ length: scenario.clients }, (_, i) => clientNamed(`c${i}`));
  const watchers = Array.from(
    { length: scenario.watchers },
    (_, i) => new Watcher(clientNamed(`w${i}`), history, draw.fork(), i),
  );
  const watching = new AbortController();
  const watches = Promise.all(watchers.map((watcher) => watcher.run(watching.signal)));
  let silent: string[] = [];
  try {
    const over = AbortSignal.any([AbortSignal.timeout(scenario.seconds * 1000), watching.signal]);
    const nemesis = new Nemesis(place, history, draw.fork());
    await Promise.all([runTraffic(clients, draw.fork(), over), nemesis.run(over)]);
    // What was recorded until then is looked at in any case.
    silent = await settle(place, clientNamed('last'), watchers).catch((err: Error) => [err.message]);
  } finally {
    watching.abort();
  }
  await watches;
  await recorder.reach(await etcd.gateways[0]!.revision(), settleMs);
  return { history, writes: recorder.writes, namespace, silent };
}

/** Once all is well every watch must be told what happens, whatever it has been through. Returns those that are not. */
async function settle({ servers }: Place, client: ApiClient, watchers: readonly Watcher[]): Promise<string[]> {
  for (const watcher of watchers) watcher.calm();
  const last: { resource: Resource; object: KubeObject }[] = [];
  for (const resource of resources)
    for (const color of ['red', 'blue'])
      last.push({ resource, object: await createLast(client, servers, resource, color) });
  const silent = await Promise.all(
    watchers.map(async (watcher) => {
      const matches = selection(watcher.selection);
      const own = last.filter(({ resource, object }) => resource === watcher.resource && matches(object));
      const revision = Math.max(0, ...own.map(({ object }) => revisionOf(object)));
      if (await watcher.reaches(revision, settleMs)) return [];
      return [`${watcher.name} is silent: it was not told of revision ${revision}, after all faults were over`];
    }),
  );
  return silent.flat();
}

async function createLast(
  client: ApiClient,
  servers: readonly TestControlPlane[],
  resource: Resource,
  color: string,
): Promise<KubeObject> {
  const deadline = realClock.monotonicMs() + settleMs;
  for (let i = 0; ; i++) {
    const stamp = `last-${resource}-${color}-${i}`;
    const metadata = { name: stamp, annotations: { stamp }, labels: { color } };
    const nodeName = color === 'red' ? 'n1' : 'n2';
    const { apiVersion, kind, field } = shapes[resource];
    const content = field ? { [field]: { n: '0' } } : { spec: { containers: [{ name: 'c', image: 'c' }], nodeName } };
    const request = { verb: 'create', object: { apiVersion, kind, metadata, ...content } as KubeObject } as const;
    const { outcome } = await client.send(i % servers.length, { resource, name: stamp }, request, { stamp });
    if (outcome.result === 'done') return outcome.object;
    if (realClock.monotonicMs() > deadline) assert.fail(`nothing can be written any more: ${JSON.stringify(outcome)}`);
    await realClock.sleep(200);
  }
}

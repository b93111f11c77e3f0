// What etcd can suffer, and what clients of one API server see of it: refusals in time, reads of what is known, watches
// that go on, and everything well again afterwards.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { type Answer, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { type EtcdCluster, startEtcdCluster } from '../../environment/etcd-cluster.ts';
import { OpenWatch } from '../../environment/open-watch.ts';
import { TcpLink } from '../../environment/tcp-link.ts';

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;
const configMaps = '/api/v1/namespaces/default/configmaps';
const deadlineMs = 60_000;

class Parts implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly etcd: EtcdCluster;
  readonly link: TcpLink;
  plane!: TestControlPlane;

  constructor(etcd: EtcdCluster, link: TcpLink) {
    this.etcd = etcd;
    this.link = link;
    this.#stack.use(etcd);
    this.#stack.defer(() => link.close());
  }

  /** An etcd, and a way to it. */
  static async open(etcdFlags: readonly string[] = []): Promise<Parts> {
    const etcd = await startEtcdCluster(1, etcdFlags);
    const [port] = etcd.servers.map((server) => Number(new URL(server).port));
    return new Parts(etcd, await TcpLink.open(port!));
  }

  /** An API server that goes that way. */
  async serve(): Promise<TestControlPlane> {
    this.plane = this.#stack.use(await startControlPlane([], [`http://127.0.0.1:${this.link.port}`]));
    return this.plane;
  }

  create(name: string, data = {}): Promise<Answer> {
    return this.plane.request('POST', configMaps, { body: { metadata: { name }, data } });
  }

  /** Resolves when it is created, or was. */
  async untilCreated(name: string): Promise<void> {
    const untilMs = realClock.monotonicMs() + deadlineMs;
    for (;;) {
      const { status, body } = await this.create(name);
      if (status === 201 || status === 409) return;
      if (realClock.monotonicMs() > untilMs) assert.fail(`${name} cannot be created: ${JSON.stringify(body)}`);
      await realClock.sleep(100);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

describe('etcd', { skip: hasEtcd ? false : 'etcd is not installed' }, () => {
  test('goes away while a server starts: it goes on when etcd is back', async () => {
    await using parts = await Parts.open();
    // Its first objects are being written: at the first of them, and once more while the rest follow.
    const cutAt = [1, 40];
    let written = 0;
    let cuts = 0;
    const watching = new AbortController();
    const cut = () => {
      if (++written !== cutAt[cuts]) return;
      cuts++;
      parts.link.cut();
      realClock.after(500, () => parts.link.heal());
    };
    parts.etcd.gateways[0]!.watch(1, cut, watching.signal).catch(() => undefined);
    await parts.serve();
    assert.equal(cuts, 2, 'it was cut off in the middle of its start');
    await parts.untilCreated('after');
    assert.equal((await parts.plane.request('GET', '/api/v1/namespaces/kube-system')).status, 200);
    watching.abort();
  });

  test('is slow: everything is answered', async () => {
    await using parts = await Parts.open();
    await parts.serve();
    using watch = await OpenWatch.open(parts.plane, `${configMaps}?watch=1`);
    parts.link.delay(300);
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => parts.create(name)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201],
    );
    assert.equal((await parts.plane.request('GET', `${configMaps}/a`)).status, 200);
    for (const name of ['a', 'b', 'c']) await watch.until(name, deadlineMs);
  });

  test('stands still for 20 s: what is known is told, the rest is refused in time, and then all goes on', async () => {
    await using parts = await Parts.open();
    const plane = await parts.serve();
    await parts.create('before');
    using watch = await OpenWatch.open(plane, `${configMaps}?watch=1`);
    await watch.until('before', deadlineMs);
    await parts.etcd.signal(0, 'SIGSTOP');
    const endMs = realClock.monotonicMs() + 20_000;
    const [written, read, known] = await Promise.all([
      parts.create('during'),
      plane.request('GET', `${configMaps}/before`),
      plane.request('GET', `${configMaps}/before?resourceVersion=0`),
    ]);
    assert.deepEqual([written.status, read.status, known.status], [503, 503, 200]);
    assert.equal(written.body.reason, 'ServiceUnavailable');
    assert.equal((await plane.request('GET', '/livez?exclude=etcd')).status, 200);
    assert.match((await plane.request('GET', '/livez')).body, /\n\[-\]etcd failed: reason withheld\n/);
    await realClock.sleep(Math.max(0, endMs - realClock.monotonicMs()));
    await parts.etcd.signal(0, 'SIGCONT');
    await parts.untilCreated('after');
    await watch.until('after', deadlineMs);
    // Nobody was told whether it was created: it is there or it is not, and the watch knows.
    const { status } = await plane.request('GET', `${configMaps}/during`);
    assert.equal(watch.names.includes('during'), status === 200);
    assert.ok(watch.events.every(({ type }) => type === 'ADDED'));
  });

  test('is compacted: watches go on, the past is gone', async () => {
    await using parts = await Parts.open();
    const plane = await parts.serve();
    for (const name of ['a', 'b', 'c']) await parts.create(name);
    using watch = await OpenWatch.open(plane, `${configMaps}?watch=1`);
    const page = await plane.request('GET', `${configMaps}?limit=1`);
    await parts.create('d');
    const revision = await parts.etcd.gateways[0]!.revision();
    await parts.etcd.gateways[0]!.compact(revision);
    await parts.create('e');
    await watch.until('e', deadlineMs);
    const token = encodeURIComponent(page.body.metadata.continue);
    const rest = await plane.request('GET', `${configMaps}?limit=1&continue=${token}`);
    assert.deepEqual([rest.status, rest.body.reason], [410, 'Expired']);
    const anew = encodeURIComponent(rest.body.metadata.continue);
    const inconsistent = await plane.request('GET', `${configMaps}?continue=${anew}`);
    assert.deepEqual(
      inconsistent.body.items.map(({ metadata }: any) => metadata.name).filter((name: string) => name.length === 1),
      ['b', 'c', 'd', 'e'],
    );
    const past = page.body.metadata.resourceVersion;
    const list = await plane.request('GET', `${configMaps}?resourceVersion=${past}&resourceVersionMatch=Exact`);
    assert.equal(list.status, 410);
  });

  test('was compacted beyond where a cut-off server was: its watches end with 410, and begin anew', async () => {
    await using parts = await Parts.open();
    const plane = await parts.serve();
    await parts.create('a');
    using watch = await OpenWatch.open(plane, `${configMaps}?watch=1`);
    parts.link.cut();
    const [gateway] = parts.etcd.gateways;
    // Somebody else goes on writing.
    for (let i = 0; i < 3; i++) await gateway!.put('/elsewhere', String(i));
    await gateway!.compact(await gateway!.revision());
    parts.link.heal();
    assert.equal(await watch.ended, 'clean');
    const { type, object } = watch.events.at(-1)!;
    assert.deepEqual([type, object.code, object.reason], ['ERROR', 410, 'Expired']);
    await parts.untilCreated('b');
    using again = await OpenWatch.open(plane, `${configMaps}?watch=1`);
    await again.until('b', deadlineMs);
  });

  test('has no space: writes are refused in its words, reads and deletions go on, and writes once it has room', async () => {
    await using parts = await Parts.open(['--quota-backend-bytes', String(8 * 1024 * 1024)]);
    const plane = await parts.serve();
    const names: string[] = [];
    let refusal: Answer | undefined;
    while (!refusal && names.length < 60) {
      const name = `full-${names.length}`;
      const answer = await parts.create(name, { random: randomBytes(200_000).toString('base64') });
      if (answer.status === 201) names.push(name);
      else refusal = answer;
    }
    assert.equal(refusal?.status, 500);
    assert.match(refusal?.body.message, /etcdserver: mvcc: database space exceeded/);
    assert.equal((await plane.request('GET', `${configMaps}/${names[0]}`)).status, 200);
    assert.equal((await plane.request('GET', '/livez')).status, 200);
    for (const name of names) assert.equal((await plane.request('DELETE', `${configMaps}/${name}`)).status, 200);
    // As the operator's handbook of etcd says.
    const [gateway] = parts.etcd.gateways;
    await gateway!.compact(await gateway!.revision());
    await gateway!.defragment();
    await gateway!.disarm();
    await parts.untilCreated('after');
  });
});

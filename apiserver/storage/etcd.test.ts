// One suite for the real etcd and for the fake that other tests stand on.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { freePort } from '../../test/environment/control-plane.ts';
import { CompactedError, type Etcd, type EtcdEvent, EtcdTooLargeError, EtcdUnavailableError } from './etcd.ts';
import { EtcdClient } from './etcd-client.ts';

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;
const deadlineMs = 10_000;

interface TestedEtcd {
  etcd: Etcd;
  stop(): Promise<void>;
}

async function startRealEtcd(): Promise<TestedEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-etcd-'));
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const args = ['--data-dir', folder, '--listen-client-urls', client, '--advertise-client-urls', client];
  args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`);
  const child: ChildProcess = spawn('etcd', args, { stdio: 'ignore' });
  const etcd = new EtcdClient({ servers: [client] }, realClock);
  const untilMs = realClock.monotonicMs() + deadlineMs;
  for (;;) {
    const answered = await etcd.currentRevision().catch((err: Error) => err);
    if (typeof answered === 'number') break;
    if (realClock.monotonicMs() > untilMs) throw answered;
    await realClock.sleep(50);
  }
  const stop = async () => {
    etcd.close();
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  };
  return { etcd, stop };
}

const bytes = (text: string) => Buffer.from(text);

/** Watches until `count` events have come. */
async function collect(etcd: Etcd, startRevision: number, count: number): Promise<EtcdEvent[]> {
  const events: EtcdEvent[] = [];
  let end: (() => void) | undefined;
  const late = new AbortController();
  try {
    await Promise.race([
      realClock.sleep(deadlineMs, late.signal).then(() => assert.fail(`only ${events.length} of ${count} events`)),
      new Promise<void>((resolve, reject) => {
        const onEvents = (some: EtcdEvent[]) => {
          events.push(...some);
          if (events.length >= count) resolve();
        };
        etcd.watchAll(startRevision, { onEvents, onEnd: reject }).then((stop) => {
          end = stop;
        }, reject);
      }),
    ]);
  } finally {
    late.abort();
    end?.();
  }
  return events;
}

function describeEtcd(name: string, start: () => Promise<TestedEtcd>, skip: string | false): void {
  describe(name, { skip }, () => {
    let tested: TestedEtcd;
    let etcd: Etcd;
    before(async () => {
      tested = await start();
      etcd = tested.etcd;
    });
    after(() => tested?.stop());

    test('a key is written only from the state that was expected', async () => {
      const first = await etcd.put('/swap/a', bytes('1'), 0);
      assert.ok(first.done);
      assert.deepEqual(await etcd.get('/swap/a'), { key: '/swap/a', value: bytes('1'), modRevision: first.revision });
      const again = await etcd.put('/swap/a', bytes('2'), 0);
      assert.equal(again.done, false);
      assert.equal(!again.done && again.current?.modRevision, first.revision);
      const second = await etcd.put('/swap/a', bytes('2'), first.revision);
      assert.equal(second.done && second.revision, first.revision + 1);
    });

    test('a key is deleted only from the state that was expected', async () => {
      const made = await etcd.put('/delete/a', bytes('1'), 0);
      assert.ok(made.done);
      assert.equal((await etcd.delete('/delete/a', made.revision + 1)).done, false);
      assert.equal((await etcd.delete('/delete/a', made.revision)).done, true);
      assert.equal(await etcd.get('/delete/a'), undefined);
      assert.deepEqual(await etcd.delete('/delete/a', made.revision), { done: false, current: undefined });
    });

    test('what is kept for a time is written whatever was there', async () => {
      await etcd.putForTime('/time/a', bytes('1'), 5);
      await etcd.putForTime('/time/a', bytes('2'), 60);
      assert.equal((await etcd.get('/time/a'))?.value.toString(), '2');
    });

    test('an object that is too large is refused as that', async () => {
      for (const megabytes of [2, 5]) {
        const written = etcd.put('/large/a', Buffer.alloc(megabytes * 1024 * 1024, 'x'), 0);
        await assert.rejects(written, EtcdTooLargeError);
      }
      assert.equal(await etcd.get('/large/a'), undefined);
    });

    test('a range comes in order, in pages, as of a revision', async () => {
      for (const key of ['c', 'a', 'b']) await etcd.put(`/range/${key}`, bytes(key), 0);
      const revision = await etcd.currentRevision();
      await etcd.put('/range/d', bytes('d'), 0);
      const page = await etcd.range('/range/', '/range0', { limit: 2, revision });
      assert.deepEqual(
        page.entries.map((e) => e.key),
        ['/range/a', '/range/b'],
      );
      assert.deepEqual([page.more, page.count, page.revision], [true, 3, revision + 1]);
      const rest = await etcd.range('/range/b\0', '/range0', { limit: 2, revision });
      assert.deepEqual(
        rest.entries.map((e) => e.key),
        ['/range/c'],
      );
      assert.equal((await etcd.range('/range/', '/range0', { limit: 0, revision: 0 })).entries.length, 4);
    });

    test('a watch tells what was and what comes, in order', async () => {
      const from = (await etcd.currentRevision()) + 1;
      const made = await etcd.put('/watch/a', bytes('1'), 0);
      assert.ok(made.done);
      const events = collect(etcd, from, 3);
      const changed = await etcd.put('/watch/a', bytes('2'), made.revision);
      assert.ok(changed.done);
      await etcd.delete('/watch/a', changed.revision);
      assert.deepEqual(
        (await events).map((e) => [e.type, e.key, e.value.toString(), e.modRevision, e.isCreate]),
        [
          ['PUT', '/watch/a', '1', from, true],
          ['PUT', '/watch/a', '2', from + 1, false],
          ['DELETE', '/watch/a', '', from + 2, false],
        ],
      );
    });

    test('what was compacted is refused, in a range and in a watch', async () => {
      await etcd.put('/compact/a', bytes('1'), 0);
      const old = await etcd.currentRevision();
      await etcd.put('/compact/b', bytes('1'), 0);
      await etcd.put('/compact/c', bytes('1'), 0);
      await etcd.compact(old + 1);
      await assert.rejects(etcd.range('/compact/', '/compact0', { limit: 0, revision: old }), CompactedError);
      await assert.rejects(etcd.compact(old), CompactedError);
      await assert.rejects(collect(etcd, old, 1), CompactedError);
    });
  });
}

describeEtcd('etcd', startRealEtcd, hasEtcd ? false : 'etcd is not installed');
describeEtcd('the fake etcd', async () => ({ etcd: new FakeEtcd(), stop: async () => undefined }), false);

test('a server that does not answer is unavailable, and says so', async () => {
  const etcd = new EtcdClient({ servers: [`http://127.0.0.1:${await freePort()}`] }, realClock);
  try {
    await assert.rejects(etcd.get('/a'), EtcdUnavailableError);
  } finally {
    etcd.close();
  }
});

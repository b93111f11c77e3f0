// Long ranges, page by page.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { CompactedError, type EtcdPage } from './etcd.ts';
import { pagesOf } from './etcd-pages.ts';

const keyOf = (i: number) => `/registry/x/${String(i).padStart(5, '0')}`;

async function etcdWith(count: number, bytes = 10): Promise<FakeEtcd> {
  const etcd = new FakeEtcd();
  for (let i = 0; i < count; i++) await etcd.put(keyOf(i), Buffer.alloc(bytes), 0);
  return etcd;
}

async function read(etcd: FakeEtcd, limit = 0, onPage: (page: EtcdPage) => unknown = () => undefined) {
  const pages: EtcdPage[] = [];
  for await (const page of pagesOf(etcd, '/registry/', '/registry0', { limit, revision: 0 })) {
    pages.push(page);
    await onPage(page);
  }
  return pages;
}

const keysOf = (pages: EtcdPage[]) => pages.flatMap(({ entries }) => entries.map(({ key }) => key));
const firstKeys = (count: number) => Array.from({ length: count }, (_, i) => keyOf(i));

describe('long ranges', () => {
  for (const [count, limit, want] of [
    [0, 0, [0]],
    [1, 0, [1]],
    [500, 0, [500]],
    [3_000, 0, [500, 2_500]],
    [3_000, 3, [3]],
    [3_000, 700, [500, 200]],
    [600, 600, [500, 100]],
  ] as const)
    test(`${count} keys, limit ${limit}`, async () => {
      const pages = await read(await etcdWith(count), limit);
      assert.deepEqual(
        pages.map(({ entries }) => entries.length),
        want,
      );
      assert.deepEqual(keysOf(pages), firstKeys(limit === 0 ? count : Math.min(limit, count)));
      assert.equal(pages.at(-1)!.more, limit > 0 && limit < count);
      assert.equal(pages[0]!.count, count);
    });

  test('pages of large entries have fewer', async () => {
    const pages = await read(await etcdWith(600, 300_000));
    assert.deepEqual(pages.map(({ entries }) => entries.length).slice(0, 3), [500, 6, 6]);
    assert.deepEqual(keysOf(pages), firstKeys(600));
  });

  test('what is written meanwhile is not seen', async () => {
    const etcd = await etcdWith(1_200);
    const pages = await read(etcd, 0, () => etcd.put('/registry/x/zz', Buffer.alloc(1), 0));
    assert.deepEqual(keysOf(pages), firstKeys(1_200));
  });

  test('the next page is asked for before this one is worked on', async () => {
    const etcd = await etcdWith(1_200);
    const asked: number[] = [];
    await read(etcd, 0, () => asked.push(etcd.calls.range!));
    assert.deepEqual(asked, [2, 2]);
  });

  test('a page that cannot be read is an error, also long after', async () => {
    const etcd = await etcdWith(1_200);
    const pages = pagesOf(etcd, '/registry/', '/registry0', { limit: 0, revision: 700 });
    await etcd.compact(900);
    await assert.rejects(pages.next(), CompactedError);
    const range = etcd.range.bind(etcd);
    etcd.range = (from, to, options) =>
      from === '/registry/' ? range(from, to, options) : Promise.reject(new CompactedError('gone'));
    const late = read(etcd, 0, () => new Promise((resolve) => void setImmediate(resolve)));
    await assert.rejects(late, CompactedError);
  });
});

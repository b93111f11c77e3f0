import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { slowClock } from '../../test/builders/slow-clock.ts';
import { DocumentCache, hashOf } from './document-cache.ts';

const group = (kind = ConfigMapKind) => [
  { group: '', version: 'v1', apiVersion: 'v1', resources: [{ kind, version: { ...kind.storage } }] },
];

const clock = slowClock();

test('bytes are kept for who asks, hashes for as long as the same is served', async () => {
  const cache = new DocumentCache(clock);
  let built = 0;
  const of = group();
  const recipe = () => ({ of, build: () => [`document ${++built}`] });
  const first = hashOf(Buffer.from('document 1'));
  assert.deepEqual([await cache.hash('a', recipe), await cache.hash('a', recipe), built], [first, first, 1]);

  const bodyNow = async () => (await cache.get('a', recipe)).body;
  const body = await bodyNow();
  assert.equal(await bodyNow(), body);
  cache.restIfIdle();
  assert.equal(await bodyNow(), body, 'it was asked for since');
  cache.restIfIdle();
  cache.restIfIdle();
  assert.equal(await cache.hash('a', recipe), hashOf(body));
  assert.notEqual(await bodyNow(), body);

  const others = group();
  const other = () => ({ ...recipe(), of: others });
  assert.notEqual(await cache.hash('a', other), await cache.hash('b', other));
  const before = built;
  cache.keepOnly((key) => key === 'b');
  await cache.hash('b', other);
  assert.equal(built, before);
  await cache.hash('a', other);
  assert.equal(built, before + 1);
});

test('documents are made in turns, one at a time; who asks meanwhile waits, and gets what is true since then', async () => {
  const cache = new DocumentCache(clock);
  let of = group();
  const log: string[] = [];
  const recipe = (name: string) => () => ({
    of,
    *build() {
      const content = `${name} of ${groups.indexOf(of)}`;
      log.push(`begin ${content}`);
      for (let i = 0; i < 40; i++) yield i === 0 ? content : '';
      log.push(`end ${content}`);
    },
  });
  const groups = [of, group(), group()];
  const text = async (name: string) => String((await cache.get(name, recipe(name))).body);
  const first = [text('a'), text('a'), text('b')];
  let turns = 0;
  const count = () => {
    turns++;
    if (log.length < 2) setImmediate(count);
  };
  setImmediate(count);
  await new Promise((resolve) => void setImmediate(resolve));
  of = groups[1]!;
  const second = [text('a'), text('a')];
  assert.deepEqual(await Promise.all(first), ['a of 0', 'a of 1', 'b of 1']);
  assert.ok(turns >= 3, `others had ${turns} turns`);
  assert.deepEqual(await Promise.all(second), ['a of 1', 'a of 1']);
  of = groups[2]!;
  assert.equal(await text('a'), 'a of 2');
  const names = ['a of 0', 'a of 1', 'b of 1', 'a of 2'];
  assert.deepEqual(
    log,
    names.flatMap((name) => [`begin ${name}`, `end ${name}`]),
  );
});

test('what cannot be made is the trouble of who asked, and the next one gets his', async () => {
  const cache = new DocumentCache(clock);
  const of = group();
  const broken = cache.get('a', () => ({
    of,
    *build() {
      for (let i = 0; i < 30; i++) yield '';
      throw new Error('no document');
    },
  }));
  const [one, other] = await Promise.allSettled([broken, cache.get('a', () => ({ of, build: () => ['text'] }))]);
  assert.deepEqual([one.status, other.status], ['rejected', 'fulfilled']);
});

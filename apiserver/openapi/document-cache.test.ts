import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { DocumentCache, hashOf } from './document-cache.ts';

const group = (kind = ConfigMapKind) => [
  { group: '', version: 'v1', apiVersion: 'v1', resources: [{ kind, version: { ...kind.storage } }] },
];

test('bytes are kept for who asks, hashes for as long as the same is served', () => {
  const cache = new DocumentCache();
  let built = 0;
  const recipe = { of: group(), build: () => Buffer.from(`document ${++built}`) };
  const first = hashOf(Buffer.from('document 1'));
  assert.deepEqual([cache.hash('a', recipe), cache.hash('a', recipe), built], [first, first, 1]);

  const { body } = cache.get('a', recipe);
  assert.equal(cache.get('a', recipe).body, body);
  cache.restIfIdle();
  assert.equal(cache.get('a', recipe).body, body, 'it was asked for since');
  cache.restIfIdle();
  cache.restIfIdle();
  assert.equal(cache.hash('a', recipe), hashOf(body));
  assert.notEqual(cache.get('a', recipe).body, body);

  const other = { ...recipe, of: group() };
  assert.notEqual(cache.hash('a', other), cache.hash('b', other));
  const before = built;
  cache.keepOnly((key) => key === 'b');
  cache.hash('b', other);
  assert.equal(built, before);
  cache.hash('a', other);
  assert.equal(built, before + 1);
});

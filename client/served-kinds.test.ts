import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../api/core/configmap.ts';
import { silentLogger } from '../machinery/log.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { DiscoveredKinds, type DiscoveryDocument } from './served-kinds.ts';

const verbs = ['get', 'list', 'watch', 'delete'] as const;
const resource = (plural: string, kind: string, version = 'v1', scope = 'Namespaced') => ({
  resource: plural,
  responseKind: { group: 'example.com', version, kind },
  scope,
  verbs: [...verbs],
});
const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

function world() {
  const clock = new FakeClock();
  const abort = new AbortController();
  const answer: { versions: DiscoveryDocument['items'][number]['versions'] | Error } = { versions: [] };
  let told!: () => void;
  let reads = 0;
  const kinds = new DiscoveredKinds(
    {
      async read() {
        reads++;
        if (answer.versions instanceof Error) throw answer.versions;
        return { items: [{ metadata: { name: 'example.com' }, versions: answer.versions }] };
      },
      definitions: { onChange: (handler: () => void) => (told = handler) } as never,
      clock,
      log: silentLogger,
      signal: abort.signal,
    },
    [ConfigMapKind],
  );
  const changes: string[] = [];
  kinds.onChange(() => changes.push(kinds.current.map((kind) => `${kind.plural}/${kind.storage.version}`).join(' ')));
  return { clock, abort, answer, kinds, changes, tell: () => told(), reads: () => reads };
}

test('custom kinds come, change and go with what discovery says', async () => {
  const { clock, abort, answer, kinds, changes, tell } = world();
  await kinds.synced();
  assert.deepEqual(kinds.current, [ConfigMapKind]);
  answer.versions = [
    {
      version: 'v1',
      // An aggregated server may tell of parts alone.
      resources: [{ resource: 'parts' }, resource('widgets', 'Widget'), resource('halls', 'Hall', 'v1', 'Cluster')],
    },
  ];
  tell();
  await settle();
  await clock.advance(500);
  await settle();
  const [, widget, hall] = kinds.current;
  assert.deepEqual([widget!.namespaced, hall!.namespaced, widget!.apiVersion], [true, false, 'example.com/v1']);
  answer.versions = [
    { version: 'v2', resources: [resource('widgets', 'Widget', 'v2')] },
    { version: 'v1', resources: [resource('widgets', 'Widget'), resource('halls', 'Hall', 'v1', 'Cluster')] },
  ];
  await clock.advance(31_000);
  await settle();
  assert.equal(kinds.current[2], hall, 'what did not change is the same value');
  answer.versions = [];
  await clock.advance(31_000);
  await settle();
  assert.deepEqual(changes, [
    'configmaps/v1 widgets/v1 halls/v1',
    'configmaps/v1 widgets/v2 halls/v1',
    'configmaps/v1',
  ]);
  abort.abort();
});

test('while discovery cannot be read, what was known stays', async () => {
  const { clock, abort, answer, kinds, changes, reads } = world();
  answer.versions = [{ version: 'v1', resources: [resource('widgets', 'Widget')] }];
  await clock.advance(31_000);
  await settle();
  answer.versions = new Error('no connection');
  await clock.advance(31_000);
  await settle();
  assert.equal(kinds.current.length, 2);
  const before = reads();
  await clock.advance(3_000);
  await settle();
  assert.ok(reads() > before, 'it is asked again soon');
  assert.equal(changes.length, 1);
  abort.abort();
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { NodeKind } from '../../api/core/node.ts';
import { SecretKind } from '../../api/core/secret.ts';
import { kinds } from '../../api/index.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { ChangeHandler } from '../../client/informer.ts';
import { ObjectCache } from '../../client/store.ts';
import { modifiedError, notFoundError } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import { silentLogger } from '../../machinery/log.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { secondsAgo } from '../../test/builders/pod.ts';
import { garbageCollector } from './garbage-collector.ts';

const groupResource = ({ group, plural }: Kind) => ({ group, resource: plural });

/**
 * A context of caches that the test fills, and a server that it answers for: what the collector
 * asks of it is noted.
 */
function world() {
  const clock = new FakeClock();
  const abort = new AbortController();
  const informers = new Map<Kind, { cache: ObjectCache<KubeObject>; handlers: ChangeHandler<KubeObject>[] }>();
  const done: string[] = [];
  const told: string[] = [];
  /** Objects that the server has, and the caches perhaps not. */
  const stored = new Map<string, KubeObject>();
  const refusals: Error[] = [];
  /** Names of owners that were looked for. */
  const looked: string[] = [];
  const informerOf = (kind: Kind) => {
    const informer = informers.get(kind) ?? { cache: new ObjectCache<KubeObject>(), handlers: [] };
    informers.set(kind, informer);
    return informer;
  };
  const send = async (text: string) => {
    done.push(text);
    const refusal = refusals.shift();
    if (refusal) throw refusal;
  };
  const context = {
    clock,
    kinds: { current: kinds, onChange: () => undefined, synced: async () => undefined },
    log: silentLogger,
    signal: abort.signal,
    recorder: () => ({
      event: (_target: object, type: string, reason: string, message: string) =>
        told.push(`${type} ${reason} ${message}`),
    }),
    informer: (kind: Kind) => ({
      lister: informerOf(kind).cache,
      addIndex: (name: string, values: (o: KubeObject) => string[]) => informerOf(kind).cache.addIndex(name, values),
      onChange: (handler: ChangeHandler<KubeObject>) => informerOf(kind).handlers.push(handler),
      synced: async () => undefined,
    }),
    resource: (kind: Kind) => ({
      get: async (target: { namespace?: string; name: string }) => {
        looked.push(target.name);
        const object = stored.get(`${kind.plural} ${keyOf({ metadata: target })}`);
        if (!object) throw notFoundError(groupResource(kind), target.name);
        return object;
      },
      patch: ({ name }: { name: string }, { metadata: { uid: _u, resourceVersion: _v, ...patch } }: KubeObject) =>
        send(`patch ${name} ${JSON.stringify(patch)}`),
      delete: ({ name }: { name: string }, options: { propagationPolicy: string }) =>
        send(`delete ${name} ${options.propagationPolicy}`),
    }),
  } as unknown as ControllerContext;
  void garbageCollector.run(context);
  const settle = async () => {
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  };
  const put = async (kind: Kind, object: KubeObject) => {
    const { cache, handlers } = informerOf(kind);
    const old = cache.put(object);
    for (const handler of handlers) handler(object, old);
    await settle();
  };
  const remove = async (kind: Kind, object: KubeObject) => {
    const { cache, handlers } = informerOf(kind);
    cache.remove(keyOf(object));
    for (const handler of handlers) handler(undefined, object);
    await settle();
  };
  /** What was asked of the server since the last call. */
  const asked = () => done.splice(0);
  return { told, clock, abort, stored, refusals, looked, put, remove, asked, settle };
}

const object = (name: string, metadata: object = {}): KubeObject => ({
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion: '1', ...metadata },
});
const ownedBy = (name: string, more: object = {}) => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: `uid-${name}`, ...more }],
});
const deleting = (finalizer: string) => ({ deletionTimestamp: secondsAgo(1), finalizers: [finalizer] });

describe('garbage collector', () => {
  test('an owner that is gone is looked for once, and for what goes anyway not at all', async () => {
    const { looked, put, asked, abort } = world();
    for (const name of ['a', 'b', 'c']) await put(SecretKind, object(name, ownedBy('gone')));
    assert.deepEqual(asked(), ['delete a Background', 'delete b Background', 'delete c Background']);
    await put(SecretKind, object('going', { ...ownedBy('unknown'), ...deleting('example.com/hold') }));
    assert.deepEqual([asked(), looked], [[], ['gone']]);
    abort.abort();
  });

  test('an owner is not let go before every dependent is really orphaned', async () => {
    const { clock, abort, refusals, put, asked, settle } = world();
    await put(ConfigMapKind, object('owner'));
    await put(SecretKind, object('child', ownedBy('owner')));
    // The child was changed a moment ago, which the cache does not show yet.
    refusals.push(modifiedError(groupResource(SecretKind), 'child'));
    await put(ConfigMapKind, object('owner', deleting('orphan')));
    assert.deepEqual(asked(), ['patch child {"ownerReferences":null}']);
    await clock.advance(1000);
    await settle();
    assert.deepEqual(asked(), ['patch child {"ownerReferences":null}', 'patch owner {"finalizers":null}']);
    abort.abort();
  });

  test('an owner in another namespace counts for nothing, and that is told', async () => {
    const { told, abort, put, asked } = world();
    await put(ConfigMapKind, object('owner', { namespace: 'elsewhere' }));
    await put(SecretKind, object('child', ownedBy('owner')));
    assert.deepEqual(asked(), ['delete child Background']);
    assert.deepEqual(told, [
      'Warning OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: ns, name: owner, uid: uid-owner] does not exist in namespace "ns"',
    ]);
    abort.abort();
  });

  test('a cluster-wide object that names an owner with a namespace is left alone: nobody can say which one is meant', async () => {
    const { abort, put, asked } = world();
    const { namespace: _none, ...metadata } = object('node', ownedBy('owner')).metadata;
    await put(NodeKind, { metadata });
    assert.deepEqual(asked(), []);
    await put(ConfigMapKind, object('owner'));
    await put(NodeKind, { metadata: { ...metadata, resourceVersion: '2', deletionTimestamp: undefined as never } });
    assert.deepEqual(asked(), []);
    abort.abort();
  });

  test('an owner that waits hears of a dependent that is no longer its own, or no longer in its way', async () => {
    for (const freed of [ownedBy('other'), ownedBy('owner', { blockOwnerDeletion: false }), {}]) {
      const { abort, stored, put, asked } = world();
      stored.set('configmaps ns/other', object('other'));
      await put(SecretKind, object('child', ownedBy('owner', { blockOwnerDeletion: true })));
      await put(ConfigMapKind, object('other'));
      stored.set('configmaps ns/owner', object('owner'));
      await put(ConfigMapKind, object('owner', deleting('foregroundDeletion')));
      asked();
      await put(SecretKind, object('child', { resourceVersion: '2', ...freed }));
      assert.ok(asked().includes('patch owner {"finalizers":null}'));
      abort.abort();
    }
  });

  test('owners in a circle do not wait for each other for ever', async () => {
    const { abort, put, asked } = world();
    const block = { blockOwnerDeletion: true };
    await put(ConfigMapKind, object('a', ownedBy('b', block)));
    await put(ConfigMapKind, object('b', ownedBy('a', block)));
    asked();
    await put(ConfigMapKind, object('a', { ...ownedBy('b', block), ...deleting('foregroundDeletion') }));
    const unblocked = ownedBy('a', { blockOwnerDeletion: false });
    assert.deepEqual(new Set(asked()), new Set([`patch b ${JSON.stringify(unblocked)}`]));
    await put(ConfigMapKind, object('b', { resourceVersion: '2', ...unblocked }));
    assert.deepEqual(asked().sort(), ['delete b Foreground', 'patch a {"finalizers":null}']);
    abort.abort();
  });

  test('owners of each other that are deleted at the same time go, and so does one that owns itself', async () => {
    const block = { blockOwnerDeletion: true };
    const { abort, put, asked } = world();
    await put(ConfigMapKind, object('a', { ...ownedBy('b', block), ...deleting('foregroundDeletion') }));
    asked();
    await put(ConfigMapKind, object('b', { ...ownedBy('a', block), ...deleting('foregroundDeletion') }));
    assert.deepEqual(new Set(asked()), new Set(['patch a {"finalizers":null}', 'patch b {"finalizers":null}']));
    await put(ConfigMapKind, object('self', { ...ownedBy('self', block), ...deleting('foregroundDeletion') }));
    assert.deepEqual(new Set(asked()), new Set(['patch self {"finalizers":null}']));
    abort.abort();
  });
});

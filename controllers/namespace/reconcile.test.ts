import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace } from '../../api/core/namespace.ts';
import { SecretKind } from '../../api/core/secret.ts';
import { EndpointSliceKind } from '../../api/discovery/endpointslice.ts';
import { kinds } from '../../api/index.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { forbiddenError, unknownPathError } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { secondsAgo } from '../../test/builders/pod.ts';
import { namespaceController } from './namespace.ts';

/** The controller over a namespace as the server has it, with secrets in it; what it asks of the server is noted. */
function world(stored: Namespace, secrets: string[]) {
  const done: string[] = [];
  const kept = new Set<string>();
  const items = (kind: Kind) => (kind === SecretKind ? secrets.map((name) => ({ metadata: { name } })) : []);
  const resource = (kind: Kind) => ({
    async list() {
      if (kind === EndpointSliceKind) throw unknownPathError();
      return { items: items(kind) };
    },
    async delete({ name }: { name: string }) {
      done.push(`delete ${name}`);
      if (kept.has(name)) throw forbiddenError({ group: '', resource: 'secrets' }, name, 'no');
      secrets.splice(secrets.indexOf(name), 1);
    },
  });
  const namespaces = {
    get: async () => stored,
    updateStatus: async (object: KubeObject) => object,
    updateSubresource: async () => done.push('finalize'),
  };
  const context = { clock: new FakeClock(), resource, kinds: { current: kinds } } as unknown as ControllerContext;
  const deps = { context, namespaces } as unknown as Parameters<typeof namespaceController.reconcile>[1];
  return { done, kept, look: (cached: Namespace) => namespaceController.reconcile(cached, deps) };
}

const terminating: Namespace = {
  metadata: { name: 'ns', uid: 'one', deletionTimestamp: secondsAgo(1) },
  spec: { finalizers: ['kubernetes'] },
};

test('a namespace is emptied and let go, whatever is not served', async () => {
  const { done, look } = world(terminating, ['a', 'b']);
  assert.equal(await look(terminating), undefined);
  assert.deepEqual(done, ['delete a', 'delete b', 'finalize']);
});

test('another namespace that has taken the name keeps what is in it', async () => {
  const { done, look } = world({ metadata: { name: 'ns', uid: 'two' }, spec: terminating.spec }, ['a']);
  assert.equal(await look(terminating), undefined);
  assert.deepEqual(done, []);
});

test('one object that cannot be deleted does not save the others', async () => {
  const { done, kept, look } = world(terminating, ['a', 'b']);
  kept.add('a');
  assert.deepEqual(await look(terminating), { requeueAfterMs: 500 });
  assert.deepEqual(done, ['delete a', 'delete b']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../api/core/pod.ts';
import { alreadyExistsError } from '../machinery/errors.ts';
import { pod } from '../test/builders/scheduling.ts';
import { claim } from '../test/builders/storage.ts';
import { ephemeralVolumeController } from './ephemeral-volume.ts';

type Deps = Parameters<typeof ephemeralVolumeController.reconcile>[1];

/** A controller whose cache has `cached` and whose server has `stored`. */
function world({ cached, stored }: { cached?: object; stored?: object } = {}) {
  const created: any[] = [];
  const events: string[] = [];
  const deps = {
    claims: { get: () => cached },
    client: {
      create: async (it: object) => {
        if (stored) throw alreadyExistsError({ group: '', resource: 'persistentvolumeclaims' }, 'p-v');
        created.push(it);
        return it;
      },
      get: async () => stored,
    },
    say: (_: object, type: string, reason: string, text: string) => events.push([type, reason, text].join(' ')),
  } as unknown as Deps;
  return { created, events, deps };
}

const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const template = { metadata: { labels: { a: 'b' } }, spec };
const withVolume = (change: object = {}): Pod => {
  const built = pod('p').build();
  const volumes = [{ name: 'v', ephemeral: { volumeClaimTemplate: template } }];
  return { ...built, metadata: { ...built.metadata, ...change }, spec: { ...built.spec, volumes } } as unknown as Pod;
};
const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'uid-p', controller: true, blockOwnerDeletion: true };
const ours = claim('p-v', {}, { ownerReferences: [owner] });

test('the claim is called by pod and volume, is what its template says, and belongs to the pod', async () => {
  const { created, deps } = world();
  await ephemeralVolumeController.reconcile(withVolume(), deps);
  const metadata = { name: 'p-v', namespace: 'default', labels: { a: 'b' }, ownerReferences: [owner] };
  assert.deepEqual(created, [{ metadata, spec }]);
});

test('it is made once, and not for a pod that ends', async () => {
  for (const { deps, created } of [world({ cached: ours }), world({ stored: ours })]) {
    await ephemeralVolumeController.reconcile(withVolume(), deps);
    assert.deepEqual(created, []);
  }
  const { deps, created } = world();
  await ephemeralVolumeController.reconcile(withVolume({ deletionTimestamp: '2026-01-01T00:00:00Z' }), deps);
  assert.deepEqual(created, []);
});

test("somebody else's claim of the name is not taken", async () => {
  const { deps, events } = world({ stored: claim('p-v') });
  await assert.rejects(ephemeralVolumeController.reconcile(withVolume(), deps));
  const why = 'PVC default/p-v was not created for pod default/p (pod is not owner)';
  assert.deepEqual(events, [`Warning FailedBinding ephemeral volume v: ${why}`]);
});

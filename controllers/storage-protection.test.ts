import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../api/core/pod.ts';
import type { VolumeAttributesClass } from '../api/storage/volumeattributesclass.ts';
import { pod } from '../test/builders/scheduling.ts';
import { claim } from '../test/builders/storage.ts';
import { attributesClassProtectionController, claimProtectionController } from './storage-protection.ts';
import { volumeExpandController } from './volume-expansion.ts';

const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };

test('a claim stays while a pod with a node names it, also one that the cache has not seen', async () => {
  const finalizers = ['kubernetes.io/pvc-protection', 'other'];
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true };
  const held = claim('p-v', {}, { ...going, finalizers, ownerReferences: [owner] });
  const ended = (it: Pod): Pod => ({ ...it, status: { ...it.status, phase: 'Succeeded' } });
  const made = (): Pod => ({
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: { nodeName: 'n', containers: [], volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: {} } } }] },
    status: {},
  });
  const user = pod('p').claims('p-v');
  const rows: [cached: object[], listed: object[], released: boolean][] = [
    [[], [], true],
    [[user.build()], [], true], // it waits for a node, and will not get one
    [[], [pod('q').on('n').claims('d').build()], true],
    [[user.on('n').build()], [], false],
    [[], [user.on('n').build()], false],
    [[ended(user.on('n').build())], [], false],
    [[made()], [], false],
    [[{ ...made(), metadata: { ...made().metadata, ...going, deletionGracePeriodSeconds: 30 } }], [], false],
    [[{ ...made(), metadata: { ...made().metadata, ...going, deletionGracePeriodSeconds: 0 } }], [], true],
    [[{ ...made(), metadata: { ...made().metadata, uid: 'another' } }], [], true], // somebody has taken its claim's name
  ];
  for (const [cached, listed, released] of rows) {
    const written: any[] = [];
    const deps = {
      pods: { byIndex: () => cached },
      listPods: async () => listed,
      update: async (it: object) => written.push(it),
    };
    await claimProtectionController.reconcile(held, deps as never);
    assert.deepEqual(
      written.map(({ metadata }) => metadata.finalizers),
      released ? [['other']] : [],
    );
  }
});

test('an attributes class has its finalizer until nothing names it', async () => {
  const finalizers = ['kubernetes.io/vac-protection'];
  const rows: [metadata: object, used: boolean, want: string[][]][] = [
    [{}, false, [finalizers]],
    [{ finalizers }, false, []],
    [{ ...going, finalizers }, true, []],
    [{ ...going, finalizers }, false, [[]]],
  ];
  for (const [metadata, used, want] of rows) {
    const written: any[] = [];
    const deps = { isUsed: () => used, classes: { update: async (it: object) => written.push(it) } };
    const it = { metadata: { name: 'gold', ...metadata }, driverName: 'd' } as VolumeAttributesClass;
    await attributesClassProtectionController.reconcile(it, deps as never);
    assert.deepEqual(
      written.map((w) => w.metadata.finalizers),
      want,
    );
  }
});

test('a claim that asks for more is told whom it waits for, once a size', async () => {
  const events: string[] = [];
  const deps = {
    told: new Map(),
    say: (_: object, ...words: string[]) => events.push(words.join(' ')),
  } as never;
  const asks = (storage: string, has: string, phase = 'Bound') =>
    claim('c', { volumeName: 'v', resources: { requests: { storage } } }, {}, { phase, capacity: { storage: has } });
  const waiting = 'Normal ExternalExpanding waiting for an external controller to expand this PVC';
  for (const it of [asks('1Gi', '1Gi'), asks('2Gi', '1Gi', 'Pending')])
    await volumeExpandController.reconcile(it, deps);
  assert.deepEqual(events, []);
  for (const it of [asks('2Gi', '1Gi'), asks('2Gi', '1Gi'), asks('3Gi', '1Gi')]) {
    await volumeExpandController.reconcile(it, deps);
  }
  assert.deepEqual(events, [waiting, waiting]);
  await volumeExpandController.reconcile(asks('3Gi', '3Gi'), deps);
  await volumeExpandController.reconcile(asks('3Gi', '1Gi'), deps); // a size that was taken back
  assert.equal(events.length, 3);
});

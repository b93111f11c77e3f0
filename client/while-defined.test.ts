import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VolumeSnapshotClassKind, VolumeSnapshotKind } from '../api/snapshot/volume-snapshots.ts';
import type { Kind } from '../machinery/kind.ts';
import { silentLogger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { FedInformer } from '../test/builders/fed-informer.ts';
import type { ControllerContext } from './controller.ts';
import { whileDefined } from './while-defined.ts';

test('a loop runs while its kinds are defined, anew after one was gone', async () => {
  const definitions = new FedInformer<KubeObject>();
  const end = new AbortController();
  const parts = { informer: () => definitions, clock: new FakeClock(), log: silentLogger, signal: end.signal };
  const context = parts as unknown as ControllerContext;
  const definition = ({ plural, group }: Kind, uid: string) => ({
    metadata: { name: `${plural}.${group}`, uid },
  });
  const told: string[] = [];
  let rounds = 0;
  const run = ({ signal }: ControllerContext) => {
    const round = ++rounds;
    told.push(`${round} begins`);
    return new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        told.push(`${round} ends`);
        resolve();
      });
    });
  };
  const kinds = [VolumeSnapshotKind, VolumeSnapshotClassKind];
  const running = whileDefined(kinds, { name: 'l', run }).run(context);
  const first = definition(VolumeSnapshotKind, 'a');
  const expect = (...want: string[]) => assert.deepEqual(told.splice(0), want);
  definitions.put(first);
  definitions.put({ metadata: { name: 'other', uid: 'o' } });
  expect();
  definitions.put(definition(VolumeSnapshotClassKind, 'b'));
  expect('1 begins');
  definitions.put(first);
  expect();
  definitions.remove(first);
  expect('1 ends');
  definitions.put(definition(VolumeSnapshotKind, 'c'));
  expect('2 begins');
  end.abort();
  await running;
  expect('2 ends');
  definitions.remove(definition(VolumeSnapshotKind, 'c'));
  definitions.put(first);
  expect();
});

test('a loop that fails fails as a whole', async () => {
  const definitions = new FedInformer<KubeObject>();
  const parts = { informer: () => definitions, clock: new FakeClock(), log: silentLogger };
  const context = { ...parts, signal: new AbortController().signal } as unknown as ControllerContext;
  const failing = { name: 'l', run: async () => Promise.reject(new Error('no')) };
  const running = whileDefined([VolumeSnapshotKind], failing).run(context);
  const { plural, group } = VolumeSnapshotKind;
  definitions.put({ metadata: { name: `${plural}.${group}`, uid: 'a' } });
  await assert.rejects(running, /no/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CriClient } from '../../proto/cri-client.ts';
import { Relist } from './relist.ts';

test('what has come, changed or gone is told by its pod, once', async () => {
  const of = (id: string, uid: string, state: string) => ({ id, state, labels: { 'io.kubernetes.pod.uid': uid } });
  let [items, containers]: [object[], object[]] = [[of('s', 'a', 'SANDBOX_READY')], []];
  const runtime = { ListPodSandbox: async () => ({ items }), ListContainers: async () => ({ containers }) };
  const relist = new Relist({ runtime } as unknown as CriClient);
  const look = async () => [...(await relist.look())].sort();
  assert.deepEqual(await look(), ['a']);
  assert.deepEqual(await look(), []);
  containers = [
    of('c', 'a', 'CONTAINER_RUNNING'),
    of('d', 'b', 'CONTAINER_RUNNING'),
    { id: 'x', state: '', labels: {} },
  ];
  assert.deepEqual(await look(), ['a', 'b']);
  containers = [of('c', 'a', 'CONTAINER_EXITED'), of('d', 'b', 'CONTAINER_RUNNING')];
  assert.deepEqual(await look(), ['a']);
  [items, containers] = [[], []];
  assert.deepEqual(await look(), ['a', 'b']);
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { silentLogger } from '../../machinery/log.ts';
import { AllocationStore, allocationOf, isResized, withAllocation } from './allocation.ts';

const pod = (cpu: string, init = '1'): Pod => ({
  metadata: { name: 'p', uid: 'u', generation: 3 },
  spec: {
    initContainers: [
      { name: 'first', resources: { requests: { cpu: init } } },
      { name: 'side', restartPolicy: 'Always', resources: { requests: { cpu: '10m' } } },
    ],
    containers: [{ name: 'c', resources: { requests: { cpu, memory: '1Gi' } } }],
  },
  status: {},
});

test('a pod is what it has been given, whatever it asks for', () => {
  const given = allocationOf(pod('500m'));
  assert.deepEqual(Object.keys(given.containers), ['first', 'side', 'c']);
  assert.equal(isResized(pod('500m'), given), false);
  assert.equal(isResized(pod('0.5'), given), false, 'another way to write it is no other amount');
  assert.equal(isResized(pod('1'), given), true);
  const kept = withAllocation(pod('1'), given);
  assert.deepEqual(kept.spec.containers[0]!.resources, { requests: { cpu: '500m', memory: '1Gi' } });
  assert.deepEqual(kept.spec.initContainers, pod('1').spec.initContainers);
});

test('so is the pod as a whole', () => {
  const asking = (cpu?: string): Pod => ({
    ...pod('1'),
    spec: { ...pod('1').spec, ...(cpu ? { resources: { limits: { cpu } } } : {}) },
  });
  assert.equal(isResized(asking('2000m'), allocationOf(asking('2'))), false);
  assert.deepEqual(withAllocation(asking('4'), allocationOf(asking('2'))), asking('2'));
  assert.deepEqual(withAllocation(asking('4'), allocationOf(asking())), asking());
  const { pod: _, ...older } = allocationOf(asking('2'));
  assert.deepEqual(withAllocation(asking('4'), older), asking('4'));
});

test('what was given is found again, and nonsense is not', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-allocation-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const store = new AllocationStore(join(dir, 'pods'), silentLogger);
  assert.equal(store.read(pod('1')), undefined);
  store.write(pod('1'), allocationOf(pod('2')));
  store.write(pod('1'), allocationOf(pod('1')));
  assert.deepEqual(new AllocationStore(join(dir, 'pods'), silentLogger).read(pod('9')), allocationOf(pod('1')));
  assert.deepEqual(readdirSync(join(dir, 'pods/u')), ['allocation.json']);
  for (const text of ['', '{', '[]', '{"generation":"1","containers":{}}', '{"generation":1}']) {
    writeFileSync(join(dir, 'pods/u/allocation.json'), text);
    assert.equal(store.read(pod('1')), undefined, text);
  }
  rmSync(join(dir, 'pods/u/allocation.json'));
  mkdirSync(join(dir, 'pods/u/allocation.json'));
  assert.equal(store.read(pod('1')), undefined);
});

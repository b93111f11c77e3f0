// Which volume a claim gets.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node } from '../../../test/builders/scheduling.ts';
import { claim, onNode, refTo, volume } from '../../../test/builders/storage.ts';
import { betaStorageClassAnnotation } from '../persistentvolumeclaim/validation.ts';
import { boundByController, boundVolume, findMismatch, isReachable, suitableVolumes } from './binding.ts';
import type { PersistentVolume } from './schema.ts';

const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const size = (storage: string) => ({ capacity: { storage } });
const asks = (storage: string) => ({ resources: { requests: { storage } } });
const beta = (name: string) => ({ annotations: { [betaStorageClassAnnotation]: name } });

describe('suitableVolumes()', () => {
  const cases: [name: string, claim: object, volumes: PersistentVolume[], want: string][] = [
    ['none there', {}, [], ''],
    ['the same size, or more, the smallest first', {}, [volume('big', size('2Gi')), volume('fit')], 'fit big'],
    ['too small', asks('1.5Gi'), [volume('a')], ''],
    ['another unit of the same size', asks('1073741824'), [volume('a', size('1048576Ki'))], 'a'],
    ['another class', { storageClassName: 'fast' }, [volume('a'), volume('b', { storageClassName: 'slow' })], ''],
    ['its class', { storageClassName: 'fast' }, [volume('a', { storageClassName: 'fast' })], 'a'],
    ['an empty class is none', { storageClassName: '' }, [volume('a')], 'a'],
    ['the class in the old annotation', { storageClassName: 'fast' }, [volume('a', {}, beta('fast'))], 'a'],
    ['a block device is no file system', { volumeMode: 'Block' }, [volume('a')], ''],
    ['block devices', { volumeMode: 'Block' }, [volume('a', { volumeMode: 'Block' })], 'a'],
    ['a mode that it has not', { accessModes: ['ReadWriteMany'] }, [volume('a')], ''],
    ['one mode of several', {}, [volume('a', { accessModes: ['ReadOnlyMany', 'ReadWriteOnce'] })], 'a'],
    ['labels', { selector: { matchLabels: { a: 'b' } } }, [volume('a'), volume('b', {}, { labels: { a: 'b' } })], 'b'],
    ['other attributes', { volumeAttributesClassName: 'gold' }, [volume('a')], ''],
    ['not ready yet, or let go', {}, [volume('a', {}, {}, 'Pending'), volume('b', {}, {}, 'Released')], ''],
    ['on its way out', {}, [volume('a', {}, going)], ''],
    ["somebody else's", {}, [volume('a', refTo('other'))], ''],
    ['kept for it, whatever the class', {}, [volume('a', { ...refTo('c', ''), storageClassName: 'x' })], '=a'],
    ['kept for it before all others', {}, [volume('a'), volume('b', { ...refTo('c', ''), ...size('9Gi') })], '=b'],
    ['bound to it already', {}, [volume('a', refTo('c'), {}, 'Bound')], '=a'],
    ['kept for it, but too small', {}, [volume('a', { ...refTo('c', ''), ...size('1Mi') })], ''],
    ['kept for it, but a block device', {}, [volume('a', { ...refTo('c', ''), volumeMode: 'Block' })], ''],
    ['of an earlier claim of the name', {}, [volume('a', refTo('c', 'uid-before'), {}, 'Released')], ''],
  ];
  for (const [name, spec, volumes, want] of cases) {
    test(name, () => {
      const { kept, available } = suitableVolumes(claim('c', spec), volumes);
      const names = available.map(({ metadata }) => metadata.name);
      assert.equal(kept ? `=${kept.metadata.name}` : names.join(' '), want);
    });
  }
});

test('findMismatch() says what is missing', () => {
  const wanted = claim('c', { storageClassName: 'fast', accessModes: ['ReadWriteMany'] });
  const fine = { storageClassName: 'fast', accessModes: ['ReadWriteMany'] };
  const rows: [PersistentVolume, string | undefined][] = [
    [volume('v', fine), undefined],
    [volume('v', fine, going), 'the volume is marked for deletion "v"'],
    [volume('v', { ...fine, ...size('1Mi') }), 'requested PV is too small'],
    [volume('v', { ...fine, storageClassName: 'slow' }), 'storageClassName does not match'],
    [volume('v', { ...fine, volumeMode: 'Block' }), 'incompatible volumeMode'],
    [volume('v', { ...fine, accessModes: ['ReadWriteOnce'] }), 'incompatible accessMode'],
  ];
  for (const [it, want] of rows) assert.equal(findMismatch(it, wanted), want);
});

test('boundVolume() names the claim, and who has bound it', () => {
  const wanted = claim('c');
  const bound = boundVolume(volume('v', {}, { annotations: { a: 'b' } }), wanted)!;
  assert.deepEqual(bound.metadata.annotations, { a: 'b', [boundByController]: 'yes' });
  assert.deepEqual(bound.spec.claimRef, { ...refTo('c').claimRef, resourceVersion: '1' });
  assert.equal(boundVolume(bound, wanted), undefined);
  const kept = boundVolume(volume('v', refTo('c', '')), wanted)!;
  assert.deepEqual([kept.metadata.annotations, kept.spec.claimRef?.uid], [undefined, 'uid-c']);
});

test('isReachable() asks the labels of the node', () => {
  assert.ok(isReachable(volume('v'), node('n').build()));
  assert.ok(isReachable(volume('v', onNode('n')), node('n').build()));
  assert.ok(!isReachable(volume('v', onNode('n')), node('m').build()));
});

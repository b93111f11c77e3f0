import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipFamilyOf, isCIDR, validateIntOrPercent } from './checks.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './validation.ts';

const shown = (errors: readonly { field: string; detail: string }[]) => errors.map((e) => `${e.field}: ${e.detail}`);
const check = (meta: object, nameRule: 'subdomain' | 'label' | 'path' | 'label1035' = 'subdomain') =>
  shown(validateObjectMeta({ name: 'x', namespace: 'ns', ...meta }, { namespaced: true, nameRule }, 'metadata'));

test('validateObjectMeta finds what is wrong and nothing else', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true };
  assert.deepEqual(check({ labels: { 'a.b/c': 'd' }, annotations: { 'X/y': '' }, ownerReferences: [owner] }), []);
  assert.deepEqual(check({ generateName: 'x-' }), []);
  assert.deepEqual(check({ name: 'a:b' }, 'path'), []);
  assert.deepEqual(check({ name: 'a/b' }, 'path'), ['metadata.name: Invalid value: "a/b": may not contain \'/\'']);
  assert.match(check({ name: '1a' }, 'label1035').join(), /a DNS-1035 label must consist of lower case/);
  assert.match(
    check({ labels: { a: '-' } }).join(),
    /^metadata.labels: Invalid value: "-": a valid label must be an empty/,
  );
  assert.match(
    check({ labels: { 'a/b/c': '' } }).join(),
    /a qualified name must consist of .* optional DNS subdomain prefix/,
  );
  assert.deepEqual(check({ ownerReferences: [{ ...owner, uid: '' }] }), [
    'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
  ]);
  assert.match(
    check({ ownerReferences: [owner, { ...owner, name: 's' }] }).join(),
    /references for ReplicaSet\/r and ReplicaSet\/s$/,
  );
  assert.deepEqual(check({ annotations: { big: 'x'.repeat(256 * 1024) } }), [
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ]);
  assert.deepEqual(check({ finalizers: ['orphan', 'foregroundDeletion'] }), [
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
  ]);
});

test('validateObjectMetaUpdate holds on to identity', () => {
  const old = { name: 'x', uid: 'u', resourceVersion: '1', generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const update = (meta: object) => shown(validateObjectMetaUpdate({ ...old, ...meta }, old, 'metadata'));
  assert.deepEqual(update({ labels: { a: 'b' } }), []);
  assert.deepEqual(update({ uid: 'v' }), ['metadata.uid: Invalid value: "v": field is immutable']);
  assert.deepEqual(update({ resourceVersion: '' }), [
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
  ]);
  assert.deepEqual(update({ generation: 1 }), ['metadata.generation: Invalid value: 1: must not be decremented']);
  assert.match(update({ finalizers: ['a.b/c'] }).join(), /found new finalizers \[\]string\{"a.b\/c"\}$/);
});

test('addresses are told apart', () => {
  const table: [string, 0 | 4 | 6][] = [
    ['10.9.8.7', 4],
    ['255.255.255.255', 4],
    ['256.1.1.1', 0],
    ['1.2.3', 0],
    ['1.2.3.4.', 0],
    ['01.2.3.4', 0],
    ['::', 6],
    ['::1', 6],
    ['2001:db8::ffff', 6],
    ['1:2:3:4:5:6:7:8', 6],
    ['1:2:3:4:5:6:7', 0],
    ['1:2:3:4:5:6:7:8:9', 0],
    ['1::2::3', 0],
    ['::ffff:10.0.0.1', 6],
    ['::g', 0],
    ['', 0],
  ];
  for (const [text, want] of table) assert.equal(ipFamilyOf(text), want, text);
  assert.deepEqual(['10.0.0.0/8', '::/0', '10.0.0.0/33', '10.0.0.0', 'a/8'].map(isCIDR), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('validateIntOrPercent takes whole numbers from zero and percentages', () => {
  const table: [number | string, boolean][] = [
    [0, true],
    [3, true],
    [-1, false],
    ['25%', true],
    ['25', false],
    ['-1%', false],
  ];
  for (const [value, want] of table) assert.equal(validateIntOrPercent(value, 'x').length === 0, want, String(value));
});

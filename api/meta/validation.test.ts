import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIP, ipFamilyOf, validateCanonicalCIDR, validateCIDR, validateIP } from './addresses.ts';
import { validateIntOrPercent } from './checks.ts';
import { asFieldManager, validateObjectMeta, validateObjectMetaUpdate } from './validation.ts';

const shown = (errors: readonly { field: string; detail: string }[]) => errors.map((e) => `${e.field}: ${e.detail}`);
const check = (meta: object, nameRule: 'subdomain' | 'label' | 'path' = 'subdomain') =>
  shown(validateObjectMeta({ name: 'x', namespace: 'ns', ...meta }, { namespaced: true, nameRule }, 'metadata'));

test('validateObjectMeta finds what is wrong and nothing else', () => {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true };
  assert.deepEqual(check({ labels: { 'a.b/c': 'd' }, annotations: { 'X/y': '' }, ownerReferences: [owner] }), []);
  assert.deepEqual(check({ generateName: 'x-' }), []);
  assert.deepEqual(check({ name: 'a:b' }, 'path'), []);
  assert.deepEqual(check({ name: 'a/b' }, 'path'), ['metadata.name: Invalid value: "a/b": may not contain \'/\'']);
  assert.match(
    check({ labels: { a: '-' } }).join(),
    /^metadata.labels: Invalid value: "-": a valid label must be an empty/,
  );
  assert.match(
    check({ labels: { 'a/b/c': '' } }).join(),
    /a valid label key must consist of .* optional DNS subdomain prefix/,
  );
  const long = 'x'.repeat(254);
  assert.deepEqual(
    check({ labels: { [`${long}/${long}`]: long } }).map((text) => text.replaceAll(long, '…')),
    [
      'metadata.labels: Invalid value: "…/…": prefix part must be no more than 253 bytes',
      'metadata.labels: Invalid value: "…/…": name part must be no more than 63 bytes',
      'metadata.labels: Invalid value: "…": must be no more than 63 bytes',
    ],
  );
  assert.deepEqual(check({ ownerReferences: [{ ...owner, uid: '' }] }), [
    'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
  ]);
  assert.deepEqual(check({ ownerReferences: [{ ...owner, apiVersion: 'a/b/c' }] }), [
    'metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty',
  ]);
  assert.match(
    check({ ownerReferences: [owner, { ...owner, name: 's' }] }).join(),
    /references for ReplicaSet\/r and ReplicaSet\/s$/,
  );
  assert.deepEqual(check({ annotations: { big: 'x'.repeat(256 * 1024) } }), [
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ]);
  assert.deepEqual(check({ managedFields: [{ manager: 'x'.repeat(129), subresource: 'y'.repeat(257) }] }), [
    'metadata.managedFields[0].manager: Too long: may not be more than 128 bytes',
    'metadata.managedFields[0].subresource: Too long: may not be more than 256 bytes',
  ]);
  assert.deepEqual([asFieldManager('a\u0085b\n'), asFieldManager('é'.repeat(99))], ['ab', 'é'.repeat(64)]);
  assert.deepEqual(check({ finalizers: ['orphan', 'foregroundDeletion'] }), [
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
  ]);
});

test('validateObjectMetaUpdate holds on to identity', () => {
  const old = { name: 'x', uid: 'u', resourceVersion: '1', generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z' };
  const update = (meta: object) => shown(validateObjectMetaUpdate({ ...old, ...meta }, old, 'metadata'));
  assert.deepEqual(update({ labels: { a: 'b' } }), []);
  assert.deepEqual(update({ uid: 'v' }), ['metadata.uid: Invalid value: "v": field is immutable']);
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
});

test('addresses and networks mean one thing; in newer kinds they are spelled in one way', () => {
  const complaint = (check: typeof validateIP) => (text: string) =>
    check(text, 'x').map((error) => error.detail.replace(/^.*": /, ''))[0] ?? '';
  const noIP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  const noCIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  const table: [check: (text: string) => string, text: string, want: string][] = [
    [complaint(validateIP), '2001:DB8::1', ''],
    [complaint(validateIP), '10.0.0.010', 'must not have leading 0s'],
    [complaint(validateIP), '::ffff:1.2.3.4', 'must not be an IPv4-mapped IPv6 address'],
    [complaint(validateIP), 'localhost', noIP],
    [(text) => checkIP(text).join(), '2001:DB8::1', 'must be in canonical form ("2001:db8::1")'],
    [(text) => checkIP(text).join(), '10.0.0.1', ''],
    [complaint(validateCIDR), '2001:DB8::/32', ''],
    [complaint(validateCIDR), '10.1.2.3/16', 'must not have bits set beyond the prefix length'],
    [complaint(validateCIDR), '010.0.0.0/8', 'must not have leading 0s in IP or prefix length'],
    [complaint(validateCIDR), '::ffff:1.2.3.4/128', 'must not have an IPv4-mapped IPv6 address'],
    [complaint(validateCIDR), '10.0.0.0/33', noCIDR],
    [complaint(validateCanonicalCIDR), '2001:DB8::/32', 'must be in canonical form ("2001:db8::/32")'],
  ];
  for (const [check, text, want] of table) assert.equal(check(text), want, text);
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

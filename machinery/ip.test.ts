import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containsIP, firstOf, formatCIDR, formatIP, isMappedIPv4, lastOf, parseCIDR, parseIP } from './ip.ts';

const roundTrips: [text: string, canonical: string | undefined][] = [
  ['10.0.0.1', '10.0.0.1'],
  ['255.255.255.255', '255.255.255.255'],
  ['10.0.0.01', undefined],
  ['10.0.0', undefined],
  ['10.0.0.256', undefined],
  ['', undefined],
  [':', undefined],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8::0001', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:0', '2001:db8:0:0:1::'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['64:ff9b::10.1.2.3', '64:ff9b::a01:203'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1::2::3', undefined],
  ['1:2:3:4::5:6:7:8', undefined],
  ['fe80::1%eth0', undefined],
  ['10.1.2.3::', undefined],
  ['::12345', undefined],
];

test('addresses are read strictly and shown in their canonical form', () => {
  for (const [text, canonical] of roundTrips) {
    const ip = parseIP(text);
    assert.equal(ip && formatIP(ip), canonical, text);
  }
  assert.deepEqual(
    ['::ffff:10.1.2.3', '::10.1.2.3', '10.1.2.3'].map((text) => isMappedIPv4(parseIP(text)!)),
    [true, false, false],
  );
});

test('networks know their first and last address, and what lies within', () => {
  const [v4, v6] = [parseCIDR('10.96.3.4/12')!, parseCIDR('fd00::1:2/112')!];
  assert.deepEqual([v4, v6].map(formatCIDR), ['10.96.0.0/12', 'fd00::1:0/112']);
  assert.deepEqual([firstOf(v4), lastOf(v4), lastOf(v6)].map(formatIP), [
    '10.96.0.0',
    '10.111.255.255',
    'fd00::1:ffff',
  ]);
  const inside = (text: string) => containsIP(v4, parseIP(text)!);
  assert.deepEqual(['10.111.0.1', '10.112.0.0', '::a60:1'].map(inside), [true, false, false]);
  for (const text of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/08', '10.0.0.0/8/8', 'x/8']) {
    assert.equal(parseCIDR(text), undefined, text);
  }
});

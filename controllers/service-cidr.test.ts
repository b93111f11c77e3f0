import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IPAddress } from '../api/networking/ipaddress.ts';
import type { ServiceCIDR } from '../api/networking/servicecidr.ts';
import { isNeeded } from './service-cidr.ts';

const range = (name: string, cidrs: string[], metadata: object = {}) =>
  ({ metadata: { name, ...metadata }, spec: { cidrs } }) as ServiceCIDR;
const address = (name: string) => ({ metadata: { name }, spec: {} }) as IPAddress;

test('a range is needed while an address of it is in no other that stays', () => {
  const it = range('a', ['10.0.0.0/24', 'fd00::/112']);
  const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  const table: [others: ServiceCIDR[], addresses: string[], want: boolean][] = [
    [[], [], false],
    [[], ['10.0.1.1'], false],
    [[], ['10.0.1.1', '10.0.0.1'], true],
    [[], ['fd00::1'], true],
    [[range('b', ['10.0.0.0/16'])], ['10.0.0.1'], false],
    [[range('b', ['10.0.0.0/16'], going)], ['10.0.0.1'], true],
    [[range('b', ['10.0.0.0/25'])], ['10.0.0.1', '10.0.0.200'], true],
    [[range('b', ['10.0.0.0/25']), range('c', ['10.0.0.128/25'])], ['10.0.0.1', '10.0.0.200'], false],
  ];
  for (const [others, names, want] of table) {
    assert.equal(isNeeded(it, [it, ...others], names.map(address)), want, JSON.stringify([others, names]));
  }
});

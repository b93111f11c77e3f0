import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addressAt, formatAddress, overlap, parseAddress, parseSubnet, subnetAt } from './subnet.ts';

test('addresses are numbers, and what is no address is none', () => {
  for (const text of ['0.0.0.0', '10.96.0.10', '255.255.255.255'])
    assert.equal(formatAddress(parseAddress(text)!), text);
  for (const text of ['1.2.3', '01.2.3.4', '1.2.3.4.5', '1.2.3.-4', '']) assert.equal(parseAddress(text), undefined);
});

describe('parseSubnet', () => {
  const refused = [
    { name: 'bits below the mask', text: '10.1.2.3/16', message: /did you mean 10\.1\.0\.0\/16/ },
    { name: 'a byte above 255', text: '10.256.0.0/16', message: /no IPv4 address/ },
    { name: 'three bytes', text: '10.0.0/8', message: /no IPv4 address/ },
    { name: 'a mask above 32', text: '10.0.0.0/33', message: /no IPv4 subnet/ },
    { name: 'IPv6', text: 'fd00::/64', message: /no IPv4 subnet/ },
    { name: 'nothing', text: '', message: /no IPv4 address/ },
  ];
  for (const { name, text, message } of refused) {
    test(`refuses ${name}`, () => assert.throws(() => parseSubnet(text), message));
  }

  test('takes an address for a subnet of one', () => {
    assert.deepEqual(parseSubnet('1.2.3.4'), { base: 0x01020304, prefixLength: 32 });
  });
});

test('addresses and subnets are counted from the base', () => {
  const subnet = parseSubnet('10.244.0.0/16');
  assert.equal(addressAt(subnet, 10), '10.244.0.10');
  assert.equal(addressAt(subnet, 256), '10.244.1.0');
  assert.equal(subnetAt(subnet, 24, 2), '10.244.2.0/24');
  assert.throws(() => subnetAt(subnet, 24, 256), /no \/24 number 256/);
  assert.throws(() => addressAt(parseSubnet('10.0.0.0/30'), 4), /no address number 4/);
});

describe('overlap', () => {
  const cases = [
    { a: '10.0.0.0/8', b: '10.96.0.0/16', expected: true },
    { a: '10.96.0.0/16', b: '10.0.0.0/8', expected: true },
    { a: '10.96.0.0/16', b: '10.97.0.0/16', expected: false },
    { a: '0.0.0.0/0', b: '255.255.255.255/32', expected: true },
  ];
  for (const { a, b, expected } of cases) {
    test(`${a} and ${b}: ${expected}`, () => assert.equal(overlap(parseSubnet(a), parseSubnet(b)), expected));
  }
});

// Our codec against another one, and against noise.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, encode, type Packet } from 'dns-packet';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import {
  type DnsRecord,
  decodeAddresses,
  decodeQuery,
  encodeFormatError,
  encodeQuery,
  encodeResponse,
  type Response,
  rcodes,
  typeCodes,
  udpLimitOf,
} from './message.ts';

const queryOf = (packet: Partial<Packet> = {}) =>
  encode({
    type: 'query',
    id: 77,
    flags: 256,
    questions: [{ type: 'A', name: 'Web.Default.svc.cluster.local' }],
    ...packet,
  });

const edns = (udpPayloadSize: number): NonNullable<Packet['additionals']>[number] => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
});

const responseOf = (answers: DnsRecord[], rest: Partial<Response> = {}): Response => ({
  rcode: rcodes.noError,
  authoritative: true,
  answers,
  authority: [],
  additional: [],
  ...rest,
});

const address = (i: number): DnsRecord => ({
  type: 'A',
  name: 'Web.Default.svc.cluster.local',
  ttl: 5,
  address: `10.0.${i >> 8}.${i & 255}`,
});

test('a query is understood', () => {
  const { question, ...query } = decodeQuery(queryOf({ additionals: [edns(4096)] }));
  assert.deepEqual(query, {
    id: 77,
    opcode: 0,
    recursionDesired: true,
    name: 'Web.Default.svc.cluster.local',
    type: typeCodes.A,
    class: 1,
    edns: { udpBytes: 4096, version: 0 },
  });
});

test('records of every type are what another codec reads', () => {
  const query = decodeQuery(queryOf());
  const name = 'x.cluster.local';
  const answers: DnsRecord[] = [
    address(1),
    { type: 'CNAME', name, ttl: 1, target: 'web.default.svc.cluster.local' },
    { type: 'SRV', name, ttl: 1, priority: 1, weight: 2, port: 3, target: 'web.default.svc.cluster.local' },
    { type: 'TXT', name, ttl: 1, text: '1.1.0' },
    { type: 'PTR', name, ttl: 1, target: 'y.example' },
    { type: 'AAAA', name, ttl: 1, bytes: Buffer.from('20010db8000000000000000000000001', 'hex') },
    { type: 'SOA', name, ttl: 1, primary: 'ns.x', mailbox: 'h.x', serial: 4_000_000_000, minimumSeconds: 5 },
  ];
  const decoded = decode(encodeResponse(query, responseOf(answers)));
  assert.deepEqual(
    decoded.answers!.map((a) => ('data' in a ? [a.type, a.data] : a)),
    [
      ['A', '10.0.0.1'],
      ['CNAME', 'Web.Default.svc.cluster.local'],
      ['SRV', { priority: 1, weight: 2, port: 3, target: 'web.default.svc.cluster.local' }],
      ['TXT', [Buffer.from('1.1.0')]],
      ['PTR', 'y.example'],
      ['AAAA', '2001:db8::1'],
      [
        'SOA',
        { mname: 'ns.x', rname: 'h.x', serial: 4_000_000_000, refresh: 7200, retry: 1800, expire: 86_400, minimum: 5 },
      ],
    ],
  );
  assert.equal(decoded.questions![0]!.name, 'Web.Default.svc.cluster.local');
  assert.equal(decoded.flag_aa, true);
  assert.equal(decoded.flag_qr, true);
});

describe('how much fits', () => {
  const rows = [
    { name: '28 addresses in 512 bytes', count: 28, opt: undefined, truncated: false },
    { name: 'not 40', count: 40, opt: undefined, truncated: true },
    { name: '40 for a client that takes more', count: 40, opt: 4096, truncated: false },
    { name: 'never more than travels in one piece', count: 90, opt: 4096, truncated: true },
    { name: 'never less than 512', count: 20, opt: 100, truncated: false },
  ];
  for (const { name, count, opt, truncated } of rows) {
    test(name, () => {
      const query = decodeQuery(queryOf(opt ? { additionals: [edns(opt)] } : {}));
      const answers = Array.from({ length: count }, (_, i) => address(i));
      const message = encodeResponse(query, responseOf(answers), udpLimitOf(query));
      const decoded = decode(message);
      assert.equal(decoded.flag_tc, truncated);
      assert.ok(message.length <= udpLimitOf(query));
      assert.equal(decoded.answers!.length === count, !truncated);
      assert.equal(decode(encodeResponse(query, responseOf(answers))).answers!.length, count);
    });
  }
});

test('additional records that do not fit are left out in silence', () => {
  const query = decodeQuery(queryOf());
  const additional = Array.from({ length: 40 }, (_, i) => address(i));
  const decoded = decode(encodeResponse(query, responseOf([address(1)], { additional }), udpLimitOf(query)));
  assert.equal(decoded.flag_tc, false);
  assert.ok(decoded.additionals!.length > 10);
});

test('result codes beyond four bits need EDNS', () => {
  const query = decodeQuery(queryOf({ additionals: [edns(1232)] }));
  const decoded = decode(encodeResponse(query, responseOf([], { rcode: rcodes.badVersion })));
  const opt = decoded.additionals![0] as { extendedRcode: number };
  assert.equal(opt.extendedRcode, 1);
});

test('addresses of another server are read, with names that are pointers', () => {
  const query = decodeQuery(encodeQuery('web.example', typeCodes.A, 5));
  const answers: DnsRecord[] = [
    { type: 'CNAME', name: 'web.example', ttl: 9, target: 'www.web.example' },
    { type: 'A', name: 'www.web.example', ttl: 9, address: '192.0.2.1' },
  ];
  assert.deepEqual(decodeAddresses(encodeResponse(query, responseOf(answers))), { rcode: 0, records: answers });
});

test('malformed messages are refused and nothing else happens', () => {
  const random = seededRandom(3);
  const whole = queryOf({ additionals: [edns(1232)] });
  let understood = 0;
  for (let i = 0; i < 20_000; i++) {
    const cut = random.next() < 0.5 ? whole.length : 12 + Math.floor(random.next() * (whole.length - 12));
    const bytes = Buffer.from(whole.subarray(0, cut));
    for (let n = Math.floor(random.next() * 4); n > 0; n--) {
      bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
    }
    try {
      const query = decodeQuery(bytes);
      decode(encodeResponse(query, responseOf([address(1)]), udpLimitOf(query)));
      understood++;
    } catch (err) {
      assert.ok(err instanceof RangeError, String(err));
      assert.equal(encodeFormatError(bytes).length, 12);
    }
    try {
      decodeAddresses(bytes);
    } catch (err) {
      assert.ok(err instanceof RangeError, String(err));
    }
  }
  assert.ok(understood > 500);
});

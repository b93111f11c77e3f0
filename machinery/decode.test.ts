import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecodeError, decodeValue } from './decode.ts';
import { TooManyValuesError } from './json-reader.ts';
import { s } from './schema.ts';

const port = s.object('t.v1.Port', '', {
  number: s.int32('', { required: true, always: true }),
  protocol: s.string('', { default: 'TCP' }),
  owner: s.string('', { always: true, default: 'us' }),
  name: s.string(''),
});
const limits = s.map(s.quantity(''), '');
const thing = s.object('t.v1.Thing', '', {
  replicas: s.int32('', { pointer: true, default: 1 }),
  paused: s.boolean(''),
  hostNetwork: s.boolean('', { pointer: true }),
  ports: s.list(port, ''),
  rules: s.list(s.string(''), '', { always: true }),
  strategy: s.field(s.object('t.v1.Strategy', '', { type: s.string('', { default: 'Rolling' }) }), '', {
    always: true,
  }),
  optional: s.field(s.object('t.v1.Optional', '', { a: s.string('') }), ''),
  limits,
  since: s.time(''),
  exact: s.microTime(''),
  target: s.intOrString(''),
  data: s.bytes(''),
  big: s.int64('', { pointer: true }),
});
const base = { replicas: 1, rules: null, strategy: { type: 'Rolling' } };
const decode = (value: unknown) => decodeValue(thing, value);

describe('decodeValue() gives the canonical object', () => {
  const cases: [name: string, given: object, want: object][] = [
    ['defaults and what is always there', {}, base],
    [
      'a written zero of a pointer stays',
      { replicas: 0, hostNetwork: false },
      { ...base, replicas: 0, hostNetwork: false },
    ],
    ['a zero that cannot be told from absence goes', { paused: false, ports: [], limits: {} }, base],
    [
      'a default stands for a zero that was written, also of what is always there',
      { strategy: { type: '' }, ports: [{ number: 0, protocol: '', owner: '' }] },
      { ...base, ports: [{ number: 0, protocol: 'TCP', owner: 'us' }] },
    ],
    ['null is absence', { replicas: null, optional: null }, base],
    ['an empty object that was written stays', { optional: {} }, { ...base, optional: {} }],
    [
      'defaults within list items',
      { ports: [{ number: 80 }] },
      { ...base, ports: [{ number: 80, protocol: 'TCP', owner: 'us' }] },
    ],
    [
      'quantities in canonical form',
      { limits: { cpu: '0.5', memory: 1024 } },
      { ...base, limits: { cpu: '500m', memory: '1024' } },
    ],
    ['times of a leap day', { since: '2000-02-29T05:05:05,5Z' }, { ...base, since: '2000-02-29T05:05:05Z' }],
    ['times of early years', { since: '0001-01-01T5:00:00Z' }, { ...base, since: '0001-01-01T05:00:00Z' }],
    ['times beyond the years', { since: '9999-12-31T23:59:59-01:00' }, { ...base, since: '10000-01-01T00:59:59Z' }],
    ['times in UTC', { since: '2026-01-01T02:00:00+02:00' }, { ...base, since: '2026-01-01T00:00:00Z' }],
    ['microseconds', { exact: '2026-01-01T00:00:00.5Z' }, { ...base, exact: '2026-01-01T00:00:00.500000Z' }],
    ['a number or a text', { target: 'http' }, { ...base, target: 'http' }],
  ];
  for (const [name, given, want] of cases) {
    test(name, () => assert.deepEqual(decode(given).value, want));
  }
});

test('decodeValue() reports unknown fields in document order and drops them', () => {
  const { value, unknownFields } = decode({ strategy: { typ: 'x' }, replcas: 2, ports: [{ number: 1, nmae: 'a' }] });
  assert.deepEqual(unknownFields, ['strategy.typ', 'replcas', 'ports[0].nmae']);
  assert.deepEqual(value, { ...base, ports: [{ number: 1, protocol: 'TCP', owner: 'us' }] });
});

test('decodeValue() shares nothing with its input', () => {
  const given = { rules: ['a'], limits: { cpu: '1' } };
  const { value } = decode(given);
  value.rules.push('b');
  value.limits.cpu = '2';
  assert.deepEqual(given, { rules: ['a'], limits: { cpu: '1' } });
});

describe('decodeValue() refuses what is of another type', () => {
  const cases: [name: string, given: object, want: RegExp][] = [
    [
      'text for a list',
      { ports: 'x' },
      /cannot unmarshal string into Go struct field Thing.ports of type \[\]v1\.Port/,
    ],
    [
      'text for a number',
      { replicas: '3' },
      /cannot unmarshal string into Go struct field Thing.replicas of type int32/,
    ],
    ['a fraction', { replicas: 1.5 }, /cannot unmarshal number 1\.5/],
    ['beyond 32 bits', { replicas: 2 ** 31 }, /of type int32/],
    ['beyond what is exact', { big: 2 ** 60 }, /of type int64/],
    ['a number for a bool', { paused: 1 }, /cannot unmarshal number into Go struct field Thing.paused of type bool/],
    ['a bad quantity', { limits: { cpu: '1x' } }, /quantities must match the regular expression/],
    [
      'a bad time',
      { since: 'yesterday' },
      /^parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"$/,
    ],
    ['a time of one digit', { since: '1998-5-05T05:05:05Z' }, /: cannot parse "5-05T05:05:05Z" as "01"$/],
    ['a time without its T', { since: '1998-05-05 05:05:05Z' }, /: cannot parse " 05:05:05Z" as "T"$/],
    ['a time in small letters', { since: '1998-05-05T05:05:05z' }, /: cannot parse "z" as "Z07:00"$/],
    ['a time without a zone', { since: '1998-05-05T05:05:05' }, /: cannot parse "" as "Z07:00"$/],
    ['a time and more', { since: '1998-05-05T05:05:05Z ' }, /^parsing time "1998-05-05T05:05:05Z ": extra text: " "$/],
    [
      'a month that is none',
      { since: '1998-13-05T05:05:05Z' },
      /^parsing time "1998-13-05T05:05:05Z": month out of range$/,
    ],
    [
      'a day that its month has not',
      { since: '1900-02-29T05:05:05Z' },
      /^parsing time "1900-02-29T05:05:05Z": day out of range$/,
    ],
    ['an hour that is none', { since: '1998-05-05T24:05:05Z' }, /: hour out of range$/],
    ['a leap second', { since: '1998-05-05T05:05:60Z' }, /: second out of range$/],
    ['a zone that is none', { since: '1998-05-05T05:05:05+25:00' }, /: time zone offset hour out of range$/],
    ['bad base64', { data: 'not base64!' }, /illegal base64 data at input byte 3/],
    ['short base64', { data: 'QUFBQ' }, /illegal base64 data at input byte 5/],
    ['base64 that ends too early', { data: 'QUF=QUFB' }, /illegal base64 data at input byte 3/],
    ['a path into a list', { ports: [{ number: 'x' }] }, /field Port.ports.number of type int32/],
  ];
  for (const [name, given, want] of cases) {
    test(name, () =>
      assert.throws(
        () => decode(given),
        (err: Error) => err instanceof DecodeError && want.test(err.message),
      ),
    );
  }
});

test('base64 may be as long as a webhook answers', () => {
  const data = 'QUFB'.repeat(4_000_000);
  assert.equal(decodeValue(thing, { data }).value.data, data);
});

test('a list of next to nothing becomes no more than there is room for', () => {
  const of = (count: number) => ({ ports: Array.from({ length: count }, () => ({})) });
  assert.equal(decodeValue(thing, of(50_000)).value.ports.length, 50_000);
  assert.throws(() => decodeValue(thing, of(100_000)), TooManyValuesError);
});

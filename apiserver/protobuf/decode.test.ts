// Messages are written here by hand, byte for byte as generated.proto of Kubernetes lays them out.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kinds } from '../../api/index.ts';
import type { StatusError } from '../../machinery/errors.ts';
import { TooManyValuesError } from '../../machinery/json-reader.ts';
import { decodeMessage, readEnvelope } from './decode.ts';

type Value = number | bigint | string | Buffer;

/** A message of `[number, value]` fields: numbers as varints, texts and messages with their length. */
function message(...fields: [number: number, value: Value][]): Buffer {
  const varint = (value: bigint): number[] => {
    const out: number[] = [];
    for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
      if (rest < 0x80n) return [...out, Number(rest)];
      out.push(Number(rest & 0x7fn) | 0x80);
    }
  };
  return Buffer.concat(
    fields.map(([number, value]) => {
      const isNumber = typeof value === 'number' || typeof value === 'bigint';
      if (isNumber) return Buffer.from([...varint(BigInt(number) << 3n), ...varint(BigInt(value))]);
      const bytes = Buffer.from(value as string);
      return Buffer.concat([
        Buffer.from([...varint((BigInt(number) << 3n) | 2n), ...varint(BigInt(bytes.length))]),
        bytes,
      ]);
    }),
  );
}

const schemaOf = (kind: string) => kinds.find((k) => k.kind === kind)!.storage.schema;
const decode = (kind: string, ...fields: [number, Value][]) => decodeMessage(schemaOf(kind), message(...fields), 1000);

describe('protobuf bodies', () => {
  const entry = (key: string, value: Value) => message([1, key], [2, value]);

  test('scalars, lists, maps and messages', () => {
    const container = message([1, 'c'], [2, 'img'], [3, 'sh'], [3, '-c'], [17, 1]);
    const spec = message([2, container], [10, 'n1'], [4, -1n]);
    const metadata = message([1, 'p'], [11, entry('a', 'b')], [11, entry('c', '')]);
    assert.deepEqual(decode('Pod', [1, metadata], [2, spec]), {
      metadata: { name: 'p', labels: { a: 'b', c: '' } },
      spec: {
        containers: [{ name: 'c', image: 'img', command: ['sh', '-c'], stdinOnce: true }],
        nodeName: 'n1',
        terminationGracePeriodSeconds: -1,
      },
    });
  });

  test('texts of their own form: times, quantities, number or text, bytes', () => {
    const resources = message([2, entry('cpu', message([1, '100m']))]);
    const ports = (target: Buffer) => message([1, message([3, 80], [4, target])]);
    const createdAt = message([1, BigInt(Date.UTC(2026, 0, 1) / 1000)]);
    const spec = message([2, message([8, resources])]);
    const pod: any = decode('Pod', [1, message([8, createdAt])], [2, spec]);
    assert.equal(pod.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
    assert.deepEqual(pod.spec.containers[0].resources.requests, { cpu: '100m' });
    const target = (bytes: Buffer) => (decode('Service', [2, ports(bytes)]) as any).spec.ports[0].targetPort;
    assert.equal(target(message([1, 1n], [3, 'http'])), 'http');
    assert.equal(target(message([1, 0n], [2, 8080])), 8080);
    assert.deepEqual(decode('Secret', [2, entry('k', 'value')]), { data: { k: 'dmFsdWU=' } });
  });

  test('an empty time is no time', () => {
    const pod: any = decode('Pod', [1, message([8, Buffer.alloc(0)])]);
    assert.equal(pod.metadata.creationTimestamp, null);
  });

  test('fields of newer clients are left out', () => {
    assert.deepEqual(decode('ConfigMap', [1, message([1, 'a'])], [99, 'new'], [98, 7]), { metadata: { name: 'a' } });
  });

  test('the envelope says what it holds', () => {
    const type = message([1, 'apps/v1'], [2, 'Deployment']);
    const body = Buffer.concat([Buffer.from('k8s\0'), message([1, type], [2, 'raw'])]);
    const { apiVersion, kind, raw } = readEnvelope(body, 1000);
    assert.deepEqual([apiVersion, kind, raw.toString()], ['apps/v1', 'Deployment', 'raw']);
  });

  test('fields are counted in messages of every size, known or not', () => {
    const schema = schemaOf('ConfigMap');
    const bodies: [string, Buffer][] = [
      ['entries', Buffer.concat(Array(3_000).fill(message([2, message([1, 'a'], [2, 'b'])])))],
      ['unknown fields', Buffer.concat(Array(5_000).fill(message([99, 1])))],
      ['fields of an entry', message([2, Buffer.concat(Array(5_000).fill(message([7, 1])))])],
    ];
    for (const [what, bytes] of bodies) {
      assert.throws(() => decodeMessage(schema, bytes, 1_000), TooManyValuesError, what);
      assert.doesNotThrow(() => decodeMessage(schema, bytes, 10_000), what);
    }
    const envelope = Buffer.concat([Buffer.from('k8s\0'), ...Array(5_000).fill(message([99, 1]))]);
    assert.throws(() => readEnvelope(envelope, 1_000), TooManyValuesError);
  });

  test('bytes that are no message are a bad request', () => {
    const bad: [what: string, work: () => unknown, want: RegExp][] = [
      ['no prefix', () => readEnvelope(Buffer.from('{}'), 1000), /expected prefix \[107 56 115 0\]/],
      [
        'a length beyond the end',
        () => decodeMessage(schemaOf('Pod'), Buffer.from([0x0a, 0x7f]), 1000),
        /unexpected end/,
      ],
      ['a number without end', () => decodeMessage(schemaOf('Pod'), Buffer.alloc(20, 0xff), 1000), /end of a number/],
      ['a group', () => decodeMessage(schemaOf('Pod'), Buffer.from([0x0b]), 1000), /wire type 3/],
      ['a number for a message', () => decode('Pod', [1, 7]), /a number where bytes/],
      ['a message for a number', () => decode('Pod', [2, message([4, 'x'])]), /bytes where a number/],
    ];
    for (const [what, work, want] of bad) {
      assert.throws(work, (err: StatusError) => err.code === 400 && want.test(err.message), what);
    }
  });
});

describe('protobuf numbers that are too much', () => {
  const created = (...fields: [number, Value][]) => decode('Pod', [1, message([8, message(...fields)])]);

  test('times beyond what can be written are refused', () => {
    for (const seconds of [2n ** 60n, 2n ** 62n, -(2n ** 62n), 253402300800n])
      assert.throws(() => created([1, seconds]), { code: 400, message: /not within the years 1 to 9999/ });
    assert.equal((created([1, 253402300799n]) as any).metadata.creationTimestamp, '9999-12-31T23:59:59Z');
  });

  test('integers of 64 bits are exact', () => {
    const spec = message([4, 2n ** 60n + 1n]);
    assert.equal((decode('Pod', [2, spec]) as any).spec.terminationGracePeriodSeconds, 2n ** 60n + 1n);
  });
});

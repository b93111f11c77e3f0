// Messages are written here by hand, byte for byte as generated.proto of Kubernetes lays them out.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jsonSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { kinds } from '../../api/index.ts';
import { TooManyValuesError } from '../../machinery/json-reader.ts';
import { decodeMessage, encodeMessage, encodeObject, readEnvelope } from './envelope.ts';
import { ProtobufError } from './wire-reader.ts';

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
const decode = (kind: string, ...fields: [number, Value][]) => decodeMessage(schemaOf(kind), message(...fields));

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

  test('what is empty or zero is absent, unless the type tells it from absence', () => {
    const metadata = message([1, ''], [7, 0], [8, Buffer.alloc(0)], [10, 0]);
    assert.deepEqual(decode('Pod', [1, metadata]), { metadata: { deletionGracePeriodSeconds: 0 } });
    assert.deepEqual(decode('Pod', [1, message([1, 'a'])], [1, message([2, 'b'], [1, ''])]), {
      metadata: { generateName: 'b' },
    });
  });

  test('a schema that holds others: one, several, or a flag', () => {
    const text = message([5, 'string']);
    const properties = [
      [29, entry('one', message([24, message([1, text])]))],
      [29, entry('several', message([24, message([2, text], [2, text])]))],
      [29, entry('map', message([30, message([1, 1n], [2, text])]))],
      [29, entry('open', message([30, message([1, 1n])]))],
    ] as const;
    const version = message(
      [1, 'v1'],
      [4, message([1, message(...properties.map(([n, v]): [number, Value] => [n, v]))])],
    );
    const { spec }: any = decode('CustomResourceDefinition', [2, message([7, version])]);
    assert.deepEqual(spec.versions[0].schema.openAPIV3Schema.properties, {
      one: { items: { type: 'string' } },
      several: { items: [{ type: 'string' }, { type: 'string' }] },
      map: { additionalProperties: { type: 'string' } },
      open: { additionalProperties: true },
    });
  });

  test('fields of newer clients are left out', () => {
    assert.deepEqual(decode('ConfigMap', [1, message([1, 'a'])], [99, 'new'], [98, 7]), { metadata: { name: 'a' } });
  });

  test('the envelope says what it holds', () => {
    const type = message([1, 'apps/v1'], [2, 'Deployment']);
    const body = Buffer.concat([Buffer.from('k8s\0'), message([1, type], [2, 'raw'])]);
    const { apiVersion, kind, raw } = readEnvelope(body);
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

  test('bytes that are no message are refused', () => {
    const nested = (depth: number) => {
      let out: Buffer = Buffer.alloc(0);
      for (let i = 0; i < depth; i++) out = message([28, out]);
      return out;
    };
    const longLength = Buffer.concat([Buffer.from([0x0a]), Buffer.alloc(9, 0xff), Buffer.from([1])]);
    const bad: [what: string, work: () => unknown, want: RegExp][] = [
      ['no prefix', () => readEnvelope(Buffer.from('{}')), /expected prefix \[107 56 115 0\]/],
      ['nothing', () => readEnvelope(Buffer.alloc(0)), /^empty data$/],
      ['nothing after the prefix', () => readEnvelope(Buffer.from('k8s\0')), /^empty body$/],
      ['a length beyond the end', () => decodeMessage(schemaOf('Pod'), Buffer.from([0x0a, 0x7f])), /^unexpected EOF$/],
      [
        'a huge length',
        () => decodeMessage(schemaOf('Pod'), message([1, 2n ** 62n])),
        /wrong wireType = 0 for field Metadata/,
      ],
      ['a length below zero', () => decodeMessage(schemaOf('Pod'), longLength), /negative length/],
      ['a number without end', () => decodeMessage(schemaOf('Pod'), Buffer.alloc(20, 0xff)), /integer overflow/],
      ['the end of a group', () => decodeMessage(schemaOf('Pod'), Buffer.from([0x0c])), /Pod: wiretype end group/],
      ['a field without number', () => decodeMessage(schemaOf('Pod'), Buffer.from([0x00])), /Pod: illegal tag 0/],
      ['an open group', () => decodeMessage(schemaOf('Pod'), Buffer.alloc(9, 0xa3)), /integer overflow|unexpected EOF/],
      ['a number for a message', () => decode('Pod', [1, 7]), /wrong wireType = 0 for field Metadata/],
      [
        'a message for a number',
        () => decode('Pod', [2, message([4, 'x'])]),
        /for field TerminationGracePeriodSeconds/,
      ],
      ['too deep', () => decodeMessage(jsonSchemaProps, nested(2000)), /nested too deeply/],
    ];
    for (const [what, work, want] of bad) {
      assert.throws(work, (err: Error) => err instanceof ProtobufError && want.test(err.message), what);
    }
  });

  test('every beginning of a message is read or refused, and never hangs', () => {
    const spec = message([2, message([1, 'c'])], [7, entry('a', 'b')], [4, 30]);
    const whole = message([1, message([1, 'p'], [8, message([1, 5])])], [2, spec], [99, 'x']);
    for (let end = 0; end < whole.length; end++) {
      try {
        decodeMessage(schemaOf('Pod'), whole.subarray(0, end));
      } catch (err) {
        assert.ok(err instanceof ProtobufError, String(err));
      }
    }
  });

  test('unknown groups are passed over', () => {
    const group = Buffer.from([0x9b, 0x06, 0x08, 0x01, 0x9b, 0x06, 0x9c, 0x06, 0x9c, 0x06]);
    assert.deepEqual(decodeMessage(schemaOf('ConfigMap'), Buffer.concat([group, message([1, message([1, 'a'])])])), {
      metadata: { name: 'a' },
    });
  });

  test('numbers may come packed', () => {
    const packed = message([4, Buffer.from([1, 0xac, 0x02])]);
    assert.deepEqual(decode('Pod', [2, message([14, packed])]), {
      spec: { securityContext: { supplementalGroups: [1, 300] } },
    });
  });
});

describe('bytes as Kubernetes writes them', () => {
  test('what cannot be absent is written when it is zero, and keys are sorted', () => {
    const object = { metadata: { name: 'a', labels: { b: '2', a: '1' } }, data: { k: 'dg==' } };
    const metadata = message(
      [1, 'a'],
      [2, ''],
      [3, ''],
      [4, ''],
      [5, ''],
      [6, ''],
      [7, 0],
      [8, ''],
      [11, message([1, 'a'], [2, '1'])],
      [11, message([1, 'b'], [2, '2'])],
    );
    const secret = message([1, metadata], [2, message([1, 'k'], [2, 'v'])], [3, '']);
    assert.deepEqual(encodeMessage(schemaOf('Secret'), object), secret);
    const type = message([1, 'v1'], [2, 'Secret']);
    const envelope = Buffer.concat([Buffer.from('k8s\0'), message([1, type], [2, secret], [3, ''], [4, ''])]);
    assert.deepEqual(encodeObject({ apiVersion: 'v1', kind: 'Secret' }, schemaOf('Secret'), object), envelope);
  });
});

describe('protobuf numbers that are too much', () => {
  const created = (...fields: [number, Value][]) => decode('Pod', [1, message([8, message(...fields)])]);

  test('times beyond what can be written are refused', () => {
    for (const seconds of [2n ** 60n, 2n ** 62n, -(2n ** 62n), 253402300800n])
      assert.throws(() => created([1, seconds]), { message: /not within the years 1 to 9999/ });
    assert.equal((created([1, 253402300799n]) as any).metadata.creationTimestamp, '9999-12-31T23:59:59Z');
  });

  test('integers of 64 bits are exact', () => {
    const spec = message([4, 2n ** 60n + 1n]);
    assert.equal((decode('Pod', [2, spec]) as any).spec.terminationGracePeriodSeconds, 2n ** 60n + 1n);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TextError, TooManyValuesError } from '../machinery/json-reader.ts';
import { parseApply, parseBody } from './endpoints/body.ts';
import type { ApiRequest } from './endpoints/exchange.ts';
import { LargeRequests } from './large-requests.ts';

const kilobytes = (count: number) => `# ${'x'.repeat(count * 1024)}\n`;
const requestOf = (text: string, contentType = 'application/yaml') =>
  ({ body: Buffer.from(text), contentType }) as ApiRequest;

test('large requests are worked on one after the other, and small ones at once', async () => {
  const large = new LargeRequests();
  const told: string[] = [];
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  const first = large.run(requestOf(kilobytes(200), 'application/json'), async () => {
    told.push('first begins');
    await gate;
    told.push('first ends');
    throw new Error('refused');
  });
  const second = large.run(requestOf(kilobytes(200), 'application/json'), async () => told.push('second'));
  await new Promise(setImmediate);
  await large.run(requestOf('small'), async () => told.push('small'));
  goOn();
  await assert.rejects(first, /refused/);
  await second;
  assert.deepEqual(told, ['first begins', 'small', 'first ends', 'second']);
});

test('large YAML is read in a thread, as small YAML is here', async () => {
  const want = { kind: 'ConfigMap', schema: {} as never };
  const read = async (text: string, shape: (text: string) => string) => {
    const request = requestOf(shape(text));
    return new LargeRequests().run(request, async () => {
      assert.equal(request.yaml !== undefined, request.body.length > 128 * 1024);
      return parseBody(request, want);
    });
  };
  const good = 'a: [1, 9007199254740993, .nan, "é"]\nb: {__proto__: x}\na: 2\n';
  const values: unknown[] = [];
  for (const shape of [(text: string) => text, (text: string) => `${text}${kilobytes(200)}`]) {
    values.push(await read(good, shape));
    await assert.rejects(read('a: }\n', shape), /did not find expected node content/);
  }
  assert.deepEqual(values[0], values[1]);
  await assert.rejects(read('- a\n'.repeat(300_000), String), { code: 413, message: /limit is 200000 values/ });
});

test('what a thread refuses is the same error as here', async () => {
  const request = requestOf(`a: [${kilobytes(200)}`);
  await new LargeRequests().run(request, async () => assert.ok(request.yaml instanceof TextError));
  const applied = requestOf(`a: [${kilobytes(200)}`, 'application/apply-patch+yaml');
  await new LargeRequests().run(applied, async () => assert.throws(() => parseApply(applied), /error decoding YAML/));
  assert.ok(applied.yaml instanceof TextError);
  const many = requestOf('- a\n'.repeat(300_000));
  await new LargeRequests().run(many, async () => assert.ok(many.yaml instanceof TooManyValuesError));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '../machinery/clock.ts';
import { type ReadText, TextError, TooManyValuesError } from '../machinery/json-reader.ts';
import { countRounds } from '../test/builders/rounds.ts';
import { slowClock } from '../test/builders/slow-clock.ts';
import { parseApply, parseBody, parsePatch } from './endpoints/body.ts';
import type { ApiRequest } from './endpoints/exchange.ts';
import { LargeRequests } from './large-requests.ts';

const kilobytes = (count: number) => `# ${'x'.repeat(count * 1024)}\n`;
const requestOf = (text: string, contentType = 'application/yaml') =>
  ({ body: Buffer.from(text), contentType }) as ApiRequest;

test('large requests are worked on one after the other, and small ones at once', async () => {
  const large = new LargeRequests(realClock);
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
    return new LargeRequests(realClock).run(request, async () => {
      assert.equal(request.read !== undefined, request.body.length > 128 * 1024);
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
  await assert.rejects(read('- a\n'.repeat(600_000), String), { code: 413, message: /limit is 500000 values/ });
});

test('what a thread refuses is the same error as here', async () => {
  const request = requestOf(`a: [${kilobytes(200)}`);
  await new LargeRequests(realClock).run(request, async () => assert.ok(request.read instanceof TextError));
  const applied = requestOf(`a: [${kilobytes(200)}`, 'application/apply-patch+yaml');
  await new LargeRequests(realClock).run(applied, async () =>
    assert.throws(() => parseApply(applied), /error decoding YAML/),
  );
  assert.ok(applied.read instanceof TextError);
  const many = requestOf('- a\n'.repeat(600_000));
  await new LargeRequests(realClock).run(many, async () => assert.ok(many.read instanceof TooManyValuesError));
});

test('large JSON is read in turns, of any number of values, also where YAML is sent', async () => {
  const values = Array.from({ length: 600_000 }, (_, i) => i % 10);
  const text = JSON.stringify({ values, big: 1 }).replace('"big":1', '"big":9007199254740993');
  const cases: [contentType: string, read: (request: ApiRequest) => unknown][] = [
    ['application/json', (request) => parseBody(request, { kind: 'X', schema: {} as never }).value],
    ['application/merge-patch+json', (request) => parsePatch(request).value],
    ['application/apply-patch+yaml', (request) => parseApply(request).value],
  ];
  for (const [contentType, read] of cases) {
    const request = requestOf(text, contentType);
    const large = new LargeRequests(slowClock());
    const { value, rounds } = await countRounds(() => large.run(request, async () => read(request)));
    assert.deepEqual(value, { values, big: 9007199254740993n }, contentType);
    assert.ok(rounds > 20, `${contentType}: others had ${rounds} turns`);
  }
  const twice = requestOf(`{"a":1,"a":2,"b":"${'x'.repeat(200_000)}"}`, 'application/apply-patch+yaml');
  await new LargeRequests(slowClock()).run(twice, async () => undefined);
  assert.match((twice.read as ReadText).duplicates[0]!, /key "a" already set in map/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { Unfinished } from './unfinished.ts';

const failed = (code: number) => Object.assign(new Error('failed'), { code, details: 'failed' });

const rows: [why: string, err: Error, isEnded: boolean][] = [
  ['it is late', failed(status.DEADLINE_EXCEEDED), true],
  ['its object cannot be written', new Error('no API'), true],
  ['the driver refuses it', failed(status.INVALID_ARGUMENT), false],
  ['the node is full', failed(status.RESOURCE_EXHAUSTED), false],
];
for (const [why, err, isEnded] of rows) {
  test(`a volume whose claim has gone is ${isEnded ? '' : 'not '}asked for to the end where ${why}`, async () => {
    const unfinished = new Unfinished();
    let asked = 0;
    const make = async () => {
      if (++asked < 3) throw err;
    };
    await assert.rejects(unfinished.make('ns/c', 'pvc-1', make), err);
    await unfinished.settle('ns/c', 'pvc-1'); // the claim is there
    assert.equal(asked, 1);
    if (isEnded) await assert.rejects(unfinished.settle('ns/c', 'pvc-2'), err);
    await unfinished.settle('ns/c');
    await unfinished.settle('ns/c');
    assert.equal(asked, isEnded ? 3 : 1);
  });
}

// Output on its way to clients that are slow, stuck or gone, when its command has ended.
import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { createComplaintFilter } from './complaint-filter.ts';
import { deliver, settle } from './delivery.ts';

const bytes = 3 << 20;

/** Takes what it is given in its own time. */
function slowTaker(delayMs: number) {
  const seen = { bytes: 0 };
  const taker = new Writable({
    highWaterMark: 1 << 16,
    write(chunk: Buffer, _encoding, done) {
      seen.bytes += chunk.length;
      if (delayMs < Number.POSITIVE_INFINITY) void realClock.sleep(delayMs).then(() => done());
    },
  });
  return { seen, taker };
}

/** Time that flies: every sleep is over at once. */
const impatient = { sleep: () => Promise.resolve() };

async function produce(to: PassThrough, { leaveOpen = false } = {}) {
  for (let sent = 0; sent < bytes; sent += 1 << 14) {
    if (!to.write(Buffer.alloc(1 << 14))) await new Promise((resolve) => to.once('drain', resolve));
  }
  if (!leaveOpen) to.end();
}

describe('settle()', () => {
  for (const leaveOpen of [false, true]) {
    test(`waits for a slow client to its last byte${leaveOpen ? ', also where a child holds the output open' : ''}`, async () => {
      const { seen, taker } = slowTaker(2);
      const from = new PassThrough();
      const delivery = deliver(from, taker);
      const produced = produce(from, { leaveOpen });
      if (leaveOpen) await produced;
      await settle([delivery], leaveOpen ? impatient : realClock);
      assert.equal(seen.bytes, bytes);
      assert.ok(taker.writableFinished);
    });
  }

  test('is not held up by a client that is gone, or that never asked', async () => {
    const { taker } = slowTaker(Number.POSITIVE_INFINITY);
    const [one, two] = [new PassThrough(), new PassThrough()];
    const deliveries = [deliver(one, taker), deliver(two, null)];
    void produce(one);
    void produce(two);
    setImmediate(() => taker.destroy());
    await settle(deliveries, realClock);
  });

  test('a filter hands on what it holds before the end', async () => {
    const { seen, taker } = slowTaker(0);
    const from = new PassThrough();
    const filter = createComplaintFilter({ readComplaint: () => null }, realClock);
    const delivery = deliver(from, taker, filter);
    from.write('a `quoted` word');
    await new Promise((resolve) => setImmediate(resolve));
    await settle([delivery], impatient);
    assert.equal(seen.bytes, 15);
  });
});

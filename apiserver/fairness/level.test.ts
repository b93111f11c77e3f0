// Seats, queues and turns of one priority level, on a clock of the test's own.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { handOf, Level, type LevelConfig, type Turn } from './level.ts';

const alone = { hasIdle: () => false, freed: () => undefined };
const queuing = { queues: 8, handSize: 2, queueLengthLimit: 3 };
const config = (more: Partial<LevelConfig> = {}): LevelConfig => ({ seats: 1, borrowable: 0, lendable: 0, ...more });
const isSeat = (turn: Turn | Promise<Turn>): turn is { end(): void } => 'end' in turn;

/** Two flows that have no queue in common. */
function apart(): [string, string] {
  const first = handOf('a', queuing.queues, queuing.handSize);
  for (let i = 0; ; i++) {
    if (!handOf(`b${i}`, queuing.queues, queuing.handSize).some((queue) => first.includes(queue)))
      return ['a', `b${i}`];
  }
}

describe('a level', () => {
  test('that rejects has its seats and no more, and again when they are free', () => {
    const level = new Level(config({ seats: 2 }), new FakeClock(), alone);
    const take = () => level.take({ flow: 'f', waitMs: 1000 });
    const [first, second] = [take(), take()];
    assert.ok(isSeat(first) && isSeat(second));
    assert.deepEqual(take(), { refused: 'concurrency-limit' });
    first.end();
    first.end();
    assert.ok(isSeat(take()));
    assert.deepEqual(take(), { refused: 'concurrency-limit' }, 'an end counts once');
  });

  test('without a limit takes everything', () => {
    const level = new Level(config({ seats: Number.POSITIVE_INFINITY }), new FakeClock(), alone);
    for (let i = 0; i < 1000; i++) assert.ok(isSeat(level.take({ flow: 'f', waitMs: 0 })));
  });

  test('that queues refuses what is more than its queues hold, too late, or given up', async () => {
    const clock = new FakeClock();
    const level = new Level(config({ queuing: { ...queuing, handSize: 1 } }), clock, alone);
    const take = (signal?: AbortSignal) => level.take({ flow: 'f', waitMs: 1000, ...(signal && { signal }) });
    const seat = take();
    assert.ok(isSeat(seat));
    const gone = new AbortController();
    const [late, , left] = [take(), take(), take(gone.signal)];
    assert.deepEqual(take(), { refused: 'queue-full' });
    gone.abort();
    assert.deepEqual(await left, { refused: 'cancelled' });
    await clock.advance(1000);
    assert.deepEqual(await late, { refused: 'time-out' });
    assert.equal(level.waiting, 0);
    seat.end();
    assert.ok(isSeat(take()));
  });

  test('is fair: who sends little does not wait for all that another has sent', async () => {
    const clock = new FakeClock();
    const [busy, calm] = apart();
    const level = new Level(config({ queuing: { ...queuing, queueLengthLimit: 100 } }), clock, alone);
    const order: string[] = [];
    const send = async (flow: string) => {
      const turn = await level.take({ flow, waitMs: 1e9 });
      order.push(flow);
      assert.ok('end' in turn);
      await clock.sleep(10);
      turn.end();
    };
    const all = [...Array.from({ length: 20 }, () => busy), calm, calm].map(send);
    for (let i = 0; i < 40; i++) await clock.advance(10);
    await Promise.all(all);
    assert.equal(order.length, 22);
    assert.ok(order.lastIndexOf(calm) <= 8, order.join(' '));
  });

  test('uses what others leave, as far as it may, and they have their own at once', () => {
    const levels: Level[] = [];
    const sum = (of: (level: Level) => number) => levels.reduce((total, level) => total + of(level), 0);
    const pool = {
      hasIdle: (except: Level, count: number) =>
        sum((level) => (level === except ? 0 : level.idle)) >=
        count + sum((level) => Math.max(0, level.executing - level.config.seats)),
      freed: () => undefined,
    };
    const clock = new FakeClock();
    const lender = new Level(config({ seats: 4, lendable: 2 }), clock, pool);
    const borrower = new Level(config({ seats: 1, borrowable: 10 }), clock, pool);
    levels.push(lender, borrower);
    const take = (level: Level) => isSeat(level.take({ flow: 'f', waitMs: 0 }));
    assert.deepEqual(
      [1, 2, 3, 4].map(() => take(borrower)),
      [true, true, true, false],
    );
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => take(lender)),
      [true, true, true, true, false],
    );
  });

  test('counts seats: a wide request waits for all of its own, and is not passed by', async () => {
    const level = new Level(config({ seats: 4, queuing }), new FakeClock(), alone);
    const take = (width: number, flow = 'f') => level.take({ flow, waitMs: 1000, width });
    const [three, one] = [take(3), take(1)];
    assert.ok(isSeat(three) && isSeat(one));
    assert.equal(level.executing, 4);
    const wide = take(2);
    one.end();
    assert.equal(level.waiting, 1, 'one seat is not enough');
    three.end();
    const given = await wide;
    assert.ok('end' in given);
    assert.equal(level.executing, 2);
    given.end();
    assert.equal(level.executing, 0);
  });

  test('lets what is wider than all its seats have its turn alone', async () => {
    const level = new Level(config({ seats: 2, queuing }), new FakeClock(), alone);
    const take = (width: number) => level.take({ flow: 'f', waitMs: 1000, width });
    const small = take(1);
    const wide = take(10);
    assert.ok(isSeat(small));
    assert.equal(level.waiting, 1);
    small.end();
    const given = await wide;
    assert.ok('end' in given);
    const next = take(1);
    assert.equal(level.waiting, 1, 'nobody beside it');
    given.end();
    assert.ok('end' in (await next));
  });

  test('borrows as many seats as a request is wide, or none', () => {
    let idle = 1;
    const pool = { hasIdle: (_: Level, count: number) => idle >= count, freed: () => undefined };
    const level = new Level(config({ seats: 2, borrowable: 10 }), new FakeClock(), pool);
    const take = (width: number) => isSeat(level.take({ flow: 'f', waitMs: 0, width }));
    assert.deepEqual([take(2), take(2)], [true, false]);
    idle = 2;
    assert.equal(take(2), true);
  });

  test('takes a new configuration while requests wait', async () => {
    const level = new Level(config({ queuing }), new FakeClock(), alone);
    const seat = level.take({ flow: 'f', waitMs: 1000 });
    const waiting = level.take({ flow: 'f', waitMs: 1000 });
    level.configure(config({ seats: 2 }));
    assert.ok(isSeat(await waiting));
    assert.ok(isSeat(seat));
    assert.deepEqual(level.take({ flow: 'f', waitMs: 0 }), { refused: 'concurrency-limit' });
  });
});

test('a hand has different queues, the same for a flow, and spreads flows', () => {
  const used = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const hand = handOf(`flow-${i}`, 64, 8);
    assert.equal(new Set(hand).size, 8);
    assert.ok(hand.every((queue) => queue >= 0 && queue < 64));
    assert.deepEqual(handOf(`flow-${i}`, 64, 8), hand);
    for (const queue of hand) used.add(queue);
  }
  assert.equal(used.size, 64);
  assert.deepEqual(handOf('f', 4, 4).sort(), [0, 1, 2, 3]);
});

// The search against histories of a register whose answers are known to be right or wrong, and against trying every
// order there is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Draw } from '../environment/fuzz.ts';
import { type Call, linearize, type SequentialModel } from './linearizability.ts';

type RegisterOp = { put: number } | { get: number } | { swap: [number, number]; done: boolean };

const register: SequentialModel<number, RegisterOp> = {
  initial: 0,
  step(state, op) {
    if ('put' in op) return { state: op.put };
    if ('get' in op) return op.get === state ? { state } : { refused: `${op.get} was read, ${state} is there` };
    const [from, to] = op.swap;
    if ((from === state) !== op.done) return { refused: `${from} is ${op.done ? 'not ' : ''}there` };
    return { state: op.done ? to : state };
  },
  keyOf: String,
};

const call = (called: number, returned: number, op: RegisterOp): Call<RegisterOp> => ({ op, called, returned });

const cases: { name: string; calls: Call<RegisterOp>[]; ok: boolean }[] = [
  { name: 'nothing', calls: [], ok: true },
  { name: 'one after the other', calls: [call(1, 2, { put: 1 }), call(3, 4, { get: 1 })], ok: true },
  { name: 'a read beside a write sees it', calls: [call(1, 4, { put: 1 }), call(2, 3, { get: 1 })], ok: true },
  { name: 'a read beside a write does not see it', calls: [call(1, 4, { put: 1 }), call(2, 3, { get: 0 })], ok: true },
  { name: 'a stale read', calls: [call(1, 2, { put: 1 }), call(3, 4, { get: 0 })], ok: false },
  {
    name: 'two reads beside a write see it and then not',
    calls: [call(1, 6, { put: 1 }), call(2, 3, { get: 1 }), call(4, 5, { get: 0 })],
    ok: false,
  },
  {
    name: 'a lost update: both swaps from the same value were done',
    calls: [call(1, 4, { swap: [0, 1], done: true }), call(2, 5, { swap: [0, 2], done: true })],
    ok: false,
  },
  {
    name: 'one of two swaps was done',
    calls: [call(1, 4, { swap: [0, 1], done: true }), call(2, 5, { swap: [0, 2], done: false })],
    ok: true,
  },
  {
    name: 'a swap was refused though its value was there all the time',
    calls: [call(1, 2, { put: 3 }), call(3, 4, { swap: [3, 1], done: false }), call(5, 6, { get: 3 })],
    ok: false,
  },
];

for (const { name, calls, ok } of cases) {
  test(name, () => assert.equal(linearize(register, calls).ok, ok));
}

test('what is wrong is told: the order so far, the state, what has no place and why', () => {
  const wrong = call(5, 6, { get: 1 });
  const result = linearize(register, [call(1, 2, { put: 1 }), call(3, 4, { put: 2 }), wrong, call(7, 8, { get: 2 })]);
  assert.ok(!result.ok);
  assert.deepEqual([result.order.length, result.state], [2, 2]);
  assert.deepEqual(result.blocked, [{ call: wrong, why: '1 was read, 2 is there' }]);
});

test('thousands of calls take no time that grows beyond them', () => {
  const calls: Call<RegisterOp>[] = [];
  for (let i = 0; i < 20_000; i += 4) {
    calls.push(call(i, i + 5.5, { put: i }), call(i + 1, i + 6.5, { get: i }), call(i + 2, i + 3, { get: i }));
  }
  assert.equal(linearize(register, calls).ok, true);
});

/** By trying every order. */
function isLinearizable(state: number, left: readonly Call<RegisterOp>[]): boolean {
  if (left.length === 0) return true;
  const firstAnswer = Math.min(...left.map(({ returned }) => returned));
  return left.some((c) => {
    if (c.called > firstAnswer) return false;
    const next = register.step(state, c.op);
    const others = left.filter((other) => other !== c);
    return 'state' in next && isLinearizable(next.state, others);
  });
}

test('finds what trying every order finds', () => {
  const seen = { true: 0, false: 0 };
  for (let seed = 0; seed < 3_000; seed++) {
    const draw = new Draw(seed);
    const moments = Array.from({ length: 14 }, (_, i) => i).sort(() => draw.below(3) - 1);
    const calls = Array.from({ length: 7 }, (_, i) => {
      const [called, returned] = [moments[2 * i]!, moments[2 * i + 1]!].sort((a, b) => a - b) as [number, number];
      const value = draw.below(3);
      const swap = { swap: [value, draw.below(3)] as [number, number], done: draw.chance(0.5) };
      return call(called, returned, draw.of<RegisterOp>([{ put: value }, { get: value }, { get: value }, swap]));
    });
    const expected = isLinearizable(0, calls);
    seen[`${expected}`]++;
    assert.equal(linearize(register, calls).ok, expected, `seed ${seed}: ${JSON.stringify(calls)}`);
  }
  assert.ok(seen.true > 100 && seen.false > 100, JSON.stringify(seen));
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Progress } from '../progress.ts';
import { runSteps, type Step } from './run-steps.ts';

function recorder() {
  const lines: string[] = [];
  const progress: Progress = {
    start: (title) => void lines.push(`start ${title}`),
    done: (title, note) => void lines.push(`done ${title}${note ? `: ${note}` : ''}`),
    failed: (title) => void lines.push(`failed ${title}`),
    say: (line) => void lines.push(line),
    close: () => undefined,
  };
  return { lines, progress };
}

const step = (title: string, after: string[], run: Step<null>['run'] = async () => undefined): Step<null> => ({
  title,
  after,
  run,
});
const signal = new AbortController().signal;

describe('runSteps', () => {
  test('overlaps what is independent and keeps the order of the rest', async () => {
    const { lines, progress } = recorder();
    let release = () => {};
    const slow = step('slow', [], async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return 'late';
    });
    const quick = step('quick', [], async () => {
      release();
      return undefined;
    });
    await runSteps([slow, quick, step('last', ['slow', 'quick'])], null, { progress, signal });
    assert.deepEqual(lines, ['start slow', 'start quick', 'done quick', 'done slow: late', 'start last', 'done last']);
  });

  test('a failure aborts the others, skips what comes after, and is thrown once all have ended', async () => {
    const { lines, progress } = recorder();
    const bad = step('bad', [], () => Promise.reject(new Error('no disk')));
    const waiting = step('waiting', [], async (_context, during) => {
      await new Promise((resolve) => during.addEventListener('abort', resolve));
      during.throwIfAborted();
      return undefined;
    });
    const all = [waiting, bad, step('never', ['bad'])];
    await assert.rejects(runSteps(all, null, { progress, signal }), /no disk/);
    assert.deepEqual(lines, ['start waiting', 'start bad', 'failed bad', 'failed waiting']);
  });

  test('an interrupt starts nothing more', async () => {
    const { lines, progress } = recorder();
    const interrupt = new AbortController();
    const first = step('first', [], async () => {
      interrupt.abort(new Error('interrupted'));
      return undefined;
    });
    const all = [first, step('second', ['first'])];
    await assert.rejects(runSteps(all, null, { progress, signal: interrupt.signal }), /interrupted/);
    assert.deepEqual(lines, ['start first', 'done first']);
  });
});

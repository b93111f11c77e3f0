import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { type LogOptions, readLog } from './log-reader.ts';
import { tailOfLog } from './termination-message.ts';

const time = (second: number) => `2026-01-01T00:00:0${second}.${second === 4 ? '1' : '000000001'}+00:00`;
const log = [
  `${time(1)} stdout F one`,
  `${time(2)} stderr F two`,
  `${time(3)} stdout P thr`,
  `${time(3)} stdout F ee`,
  `${time(4)} stdout F `,
  '',
].join('\n');
const plain: LogOptions = {
  follow: false,
  tailLines: undefined,
  sinceMs: undefined,
  timestamps: false,
  limitBytes: undefined,
  stream: undefined,
};

const cases: { name: string; options: Partial<LogOptions>; want: string }[] = [
  { name: 'all', options: {}, want: 'one\ntwo\nthree\n\n' },
  { name: 'the last lines', options: { tailLines: 1 }, want: '\n' },
  { name: 'no lines', options: { tailLines: 0 }, want: '' },
  { name: 'more lines than there are', options: { tailLines: 99 }, want: 'one\ntwo\nthree\n\n' },
  { name: 'since', options: { sinceMs: Date.parse('2026-01-01T00:00:03Z') }, want: 'three\n\n' },
  { name: 'one stream', options: { stream: 'stderr' }, want: 'two\n' },
  { name: 'so many bytes', options: { limitBytes: 6 }, want: 'one\ntw' },
  {
    name: 'times, once a line',
    options: { timestamps: true, sinceMs: Date.parse('2026-01-01T00:00:03Z') },
    want: '2026-01-01T00:00:03.000000001Z three\n2026-01-01T00:00:04.100000000Z \n',
  },
];

async function withLog(work: (path: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-log-'));
  try {
    await work(join(dir, '0.log'));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const source = (path: string, ended: Promise<void> = Promise.resolve()) => ({
  path,
  ended,
  signal: new AbortController().signal,
});

describe('readLog', () => {
  for (const { name, options, want } of cases) {
    test(name, () =>
      withLog(async (path) => {
        writeFileSync(path, log);
        let out = '';
        for await (const part of readLog(source(path), { ...plain, ...options })) out += part;
        assert.equal(out, want);
      }),
    );
  }

  test('ends, though the container writes faster than it is read', () =>
    withLog(async (path) => {
      writeFileSync(path, log);
      let parts = 0;
      for await (const _ of readLog(source(path), plain)) {
        assert.ok(++parts < 3);
        appendFileSync(path, log);
      }
    }));

  test('follows growth and rotation to the end of the container', () =>
    withLog(async (path) => {
      writeFileSync(path, `${time(1)} stdout F one\n`);
      let end: () => void = () => undefined;
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      const steps = [
        () => appendFileSync(path, `${time(2)} stdout F two\n`),
        () => {
          renameSync(path, `${path}.old`);
          writeFileSync(path, `${time(3)} stdout F three\n`);
        },
        () => end(),
      ];
      let out = '';
      for await (const part of readLog(source(path, ended), { ...plain, follow: true })) {
        out += part;
        steps.shift()?.();
      }
      assert.equal(out, 'one\ntwo\nthree\n');
    }));

  test('a slow follower misses nothing of files that are rotated and removed meanwhile', () =>
    withLog(async (path) => {
      writeFileSync(path, `${time(1)} stdout F 0\n`);
      let end: () => void = () => undefined;
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      let out = '';
      for await (const part of readLog(source(path, ended), { ...plain, follow: true })) {
        out += part;
        if (out !== '0\n') continue;
        for (let i = 1; i <= 5; i++) {
          renameSync(path, `${path}.${i}`);
          writeFileSync(path, `${time(2)} stdout F ${i}\n`);
          // It hears of the new file before that goes, too.
          await realClock.sleep(30);
          rmSync(`${path}.${i}`);
        }
        end();
      }
      assert.equal(out, '0\n1\n2\n3\n4\n5\n');
    }));

  test('a follower who is too far behind is told so, and gets nothing with a gap in it', () =>
    withLog(async (path) => {
      writeFileSync(path, `${time(1)} stdout F 0\n`);
      let out = '';
      const read = async () => {
        for await (const part of readLog(source(path, new Promise(() => undefined)), { ...plain, follow: true })) {
          out += part;
          for (let i = 1; i <= 40; i++) {
            renameSync(path, `${path}.${i}`);
            writeFileSync(path, `${time(2)} stdout F ${i}\n`);
            await realClock.sleep(10);
          }
        }
      };
      await assert.rejects(read(), /too slow: the log was rotated away/);
      assert.equal(out, '0\n');
    }));

  test('the last lines of a log of many chunks', () =>
    withLog(async (path) => {
      const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
      writeFileSync(path, lines.map((line) => `${time(1)} stdout F ${line}\n`).join(''));
      for (const tailLines of [1, 2, 1500, 19_999, 20_000, 20_001]) {
        let out = '';
        for await (const part of readLog(source(path), { ...plain, tailLines })) out += part;
        assert.equal(out, lines.slice(-tailLines).join('\n').concat('\n'), `${tailLines}`);
      }
    }));

  test('bytes are as the container wrote them, also where a long line was cut within a character', () =>
    withLog(async (path) => {
      const [before, after] = [Buffer.from([0xff, 0xc3]), Buffer.from([0xa9])];
      const bytes = Buffer.concat([
        Buffer.from(`${time(1)} stdout P `),
        before,
        Buffer.from(`\n${time(1)} stdout F `),
        after,
        Buffer.from('\n'),
      ]);
      writeFileSync(path, bytes);
      const parts: Buffer[] = [];
      for await (const part of readLog(source(path), plain)) parts.push(part);
      assert.deepEqual(Buffer.concat(parts), Buffer.concat([before, after, Buffer.from('\n')]));
      assert.equal(tailOfLog(bytes), '\ufffdé\n');
    }));

  test('a log that is not there is empty', () =>
    withLog(async (path) => {
      for await (const part of readLog(source(path), plain)) assert.fail(String(part));
    }));
});

test('the end of a log as termination message', () => {
  assert.equal(tailOfLog(Buffer.from(log)), 'one\ntwo\nthree\n\n');
  const many = Array.from({ length: 100 }, (_, i) => `${time(1)} stdout F ${i}`).join('\n');
  assert.equal(tailOfLog(Buffer.from(`${many}\n`)).split('\n').length, 81);
});

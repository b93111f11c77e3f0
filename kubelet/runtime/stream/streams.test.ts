// Log lines, terminal sizes, statuses, and the wording of failures.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { translateOciMessage } from '../process/oci-error.ts';
import { createResizeRelay, exitStatus, parseTerminalSize, type TerminalSize } from './command-streams.ts';
import { createComplaintFilter } from './complaint-filter.ts';
import { joinEntries } from './log-follower.ts';
import { findConnectProblem } from './port-forward-session.ts';

describe('joinEntries() of one line', () => {
  const cases: [string, string | null, string | null][] = [
    ['2026-01-01T00:00:00.1+00:00 stdout F hello world', 'stdout', 'hello world\n'],
    ['2026-01-01T00:00:00.1+00:00 stderr P part', 'stderr', 'part'],
    ['2026-01-01T00:00:00.1+00:00 stdout F ', 'stdout', '\n'],
    ['2026-01-01T00:00:00.1+00:00 other F x', null, null],
    ['nonsense', null, null],
  ];
  for (const [line, stream, content] of cases) {
    test(line, () => {
      const [entry] = joinEntries([line]);
      assert.deepEqual([entry?.stream ?? null, entry ? String(entry.content) : null], [stream, content]);
    });
  }
});

test('terminal sizes', () => {
  assert.deepEqual(parseTerminalSize('{"Width":80,"Height":24}'), { width: 80, height: 24 });
  assert.equal(parseTerminalSize('{"Width":"x"}'), null);
  assert.equal(parseTerminalSize('x'), null);
  const relay = createResizeRelay();
  const seen: TerminalSize[] = [];
  relay.push(Buffer.from('{"Width":80,"Height":24}'));
  relay.onResize((size) => seen.push(size));
  relay.push(Buffer.from('{"Width":81,"Height":25}'));
  assert.deepEqual(
    seen.map((s) => s.width),
    [80, 81],
  );
});

test('exitStatus() is the metav1.Status that clients read', () => {
  assert.deepEqual(exitStatus(0), { metadata: {}, status: 'Success' });
  assert.deepEqual(exitStatus(3), {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: 'command terminated with non-zero exit code: exit status 3',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  });
});

describe('translateOciMessage()', () => {
  const start = 'unable to start container process';
  const cases: [string, string][] = [
    [
      'time="x" level=error msg="executable file `/no/such` not found: No such file or directory"',
      `${start}: exec: "/no/such": stat /no/such: no such file or directory`,
    ],
    [
      '{"msg":"executable file `nosuch` not found in $PATH: No such file or directory","level":"error"}',
      `${start}: exec: "nosuch": executable file not found in $PATH`,
    ],
    ['2026-11-21T00:00:00.1Z: something else', 'something else'],
  ];
  for (const [raw, text] of cases) test(raw, () => assert.equal(translateOciMessage(raw), text));
});

describe('findConnectProblem()', () => {
  const at = '2026/11/21 00:00:00 socat[1]';
  const cases: [string, string, RegExp | null][] = [
    [
      'no listener',
      `${at} E connect(5, AF=2 127.0.0.1:81, 16): Connection refused\n`,
      /dial tcp4 127\.0\.0\.1:81: connect: connection refused$/,
    ],
    ['no namespace', 'nsenter: cannot open /proc/1/ns/net: No such file or directory\n', /^cannot open/],
    ['a connection that ended', '', null],
    ['a connection that both ends left', `${at} E shutdown(5, 1): Transport endpoint is not connected\n`, null],
  ];
  for (const [name, complaint, want] of cases) {
    test(name, () => {
      const problem = findConnectProblem(complaint, 81);
      if (want) assert.match(problem ?? '', want);
      else assert.equal(problem, null);
    });
  }
});

test('createComplaintFilter() leaves out what is in the log as well, and nothing else', async () => {
  const complaint = 'executable file `x` not found in $PATH';
  const filter = createComplaintFilter({ readComplaint: () => complaint }, realClock);
  for (const line of ['plain\n', `${complaint}\r\n`, 'a `quoted` word\n', `${complaint}, he said\n`])
    filter.write(line);
  filter.end();
  const chunks: Buffer[] = [];
  for await (const chunk of filter) chunks.push(chunk as Buffer);
  assert.equal(Buffer.concat(chunks).toString(), `plain\na \`quoted\` word\n${complaint}, he said\n`);
});

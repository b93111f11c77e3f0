import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandError } from '../../../host/command.ts';
import { runCommand } from './command.ts';
import { launcher } from './launcher.ts';

const shell = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args];

test('what a program gets, and what it says', async () => {
  const awkward = ['', 'two words', 'a\nline', 'ü', '\'"$x\\', '-n'];
  const cases: {
    argv: string[];
    input?: string;
    cwd?: string;
    stdout?: string;
    stderr?: string;
    exitCode?: number | null;
  }[] = [
    { argv: ['true'] },
    { argv: shell('exit 3'), exitCode: 3 },
    { argv: shell('kill -TERM $$'), exitCode: null },
    { argv: shell('printf "%s|" "$@"', ...awkward), stdout: `${awkward.join('|')}|` },
    { argv: shell('echo out; echo err >&2; exit 1'), stdout: 'out\n', stderr: 'err\n', exitCode: 1 },
    { argv: ['cat'], stdout: '' },
    { argv: ['cat'], input: 'a\nb ü', stdout: 'a\nb ü' },
    { argv: ['wc', '-c'], input: 'x'.repeat(16_384), stdout: '16384\n' },
    { argv: ['true'], input: 'x'.repeat(16_384) },
    { argv: ['pwd'], cwd: '/usr', stdout: '/usr\n' },
    { argv: shell('head -c 3000000 /dev/zero | tr "\\0" x'), stdout: 'x'.repeat(3_000_000) },
    { argv: ['env'], stdout: 'LC_ALL=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' },
    // Output that is closed early is not the end.
    { argv: shell('exec >&- 2>&-; sleep 0.1; exit 4'), exitCode: 4 },
  ];
  await Promise.all(
    cases.map(async ({ argv, input, cwd, stdout, stderr = '', exitCode = 0 }) => {
      const ending = await launcher.launch({ argv, input, cwd });
      const said = ending.stdout.split('\n').sort().join('\n');
      if (argv[0] === 'env') assert.equal(said.trim(), stdout!.trim());
      else assert.deepEqual(ending, { exitCode, stdout: stdout ?? '', stderr }, argv.join(' '));
    }),
  );
});

test('complaints have a bound, however many there are', async () => {
  const { stderr } = await launcher.launch({ argv: shell('head -c 3000000 /dev/zero >&2') });
  assert.ok(stderr.length >= 2_000 && stderr.length < 100_000);
});

test('a program that cannot be run, and a folder that is not there', async () => {
  await assert.rejects(runCommand('no-such-program', []), (err: CommandError) => {
    assert.match(err.message, /^no-such-program: cannot run no-such-program: No such file or directory$/);
    return err instanceof CommandError;
  });
  await assert.rejects(runCommand('pwd', [], { cwd: '/no/such/folder' }), /No such file or directory/);
});

test('a program that reports has its own end to itself', async () => {
  const script = 'echo dropped; exec 1>&-; [ "$_OCI_SYNCPIPE" = 3 ] && echo "{}" >&3; sleep 0.2';
  assert.equal((await launcher.launch({ argv: shell(script), reports: true })).report, '{}');
  assert.equal((await launcher.launch({ argv: ['true'], reports: true })).report, undefined);
  assert.equal((await launcher.launch({ argv: ['no-such-program'], reports: true })).report, undefined);
});

test('an aborted program is killed', async () => {
  const aborted = AbortSignal.abort(new Error('not wanted'));
  await assert.rejects(launcher.launch({ argv: ['true'], signal: aborted }), /not wanted/);
  const abort = new AbortController();
  const sleeping = launcher.launch({ argv: ['sleep', '600'], signal: abort.signal });
  abort.abort(new Error('no longer wanted'));
  await assert.rejects(sleeping, /no longer wanted/);
});

test('many at a time have each their own', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => runCommand('echo', [String(i)])));
  assert.deepEqual(
    answers,
    answers.map((_, i) => `${i}\n`),
  );
});

test('a launcher that is killed takes what it ran for failed, and another takes its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-launcher-'));
  try {
    const pidFile = join(folder, 'pid');
    const killed = launcher.launch({ argv: shell('echo $PPID > "$1"; kill -KILL $PPID; sleep 0.2', pidFile) });
    await assert.rejects(killed, /the launcher of programs ended/);
    const { stdout } = await launcher.launch({ argv: shell('echo $PPID') });
    assert.notEqual(stdout, readFileSync(pidFile, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a process whose programs have ended ends, and so does its launcher', () => {
  const program = `
    const { runCommand } = await import(${JSON.stringify(new URL('./command.ts', import.meta.url).href)});
    console.log(await runCommand('sh', ['-c', 'echo $PPID']));
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(status, 0, stderr);
  const isThere = () => spawnSync('kill', ['-0', stdout.trim()]).status === 0;
  for (let i = 0; isThere() && i < 100; i++) spawnSync('sleep', ['0.05']);
  assert.ok(!isThere());
});

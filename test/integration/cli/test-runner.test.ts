import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot } from './k8ts-command.ts';

/** A test file of one test that passes, and one that fails in its first so many runs. */
const failing = (times: number) => `
import { appendFileSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
appendFileSync(import.meta.filename + '.runs', '.');
const run = readFileSync(import.meta.filename + '.runs', 'utf8').length;
test('sound', () => {});
test('unsound', () => { if (run <= ${times}) throw new Error('in run ' + run); });
`;

describe('the runner of the tests', () => {
  let root = '';
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
    for (const file of ['test.mjs', 'build.mjs'])
      cpSync(join(projectRoot, 'scripts', file), join(root, 'scripts', file));
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  });
  after(() => rmSync(root, { recursive: true }));

  const cases = [
    {
      file: 'test/e2e/once.test.ts',
      times: 1,
      code: 0,
      says: /failed once, and passed when run again:\n.*\n +in run 1\n\n2 passed, 0 failed\n$/,
    },
    { file: 'test/e2e/twice.test.ts', times: 2, code: 1, says: /failed:\n.*\n +in run 2\n\n1 passed, 1 failed\n$/ },
    { file: 'test/fuzz/hunt.test.ts', times: 1, code: 1, says: /failed:\n.*\n +in run 1\n\n1 passed, 1 failed\n$/ },
  ];
  for (const { file, times, code, says } of cases)
    test(`${file} fails ${times} times`, () => {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), failing(times));
      const args = [join(root, 'scripts/test.mjs'), file.split('/')[1]!, file];
      // Whose output is read by another runner is not one of its tests.
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' });
      assert.match(stdout, says);
      assert.equal(status, code);
    });

  test('unit tests share processes until one fails', () => {
    mkdirSync(join(root, 'client'));
    for (const [name, times] of [
      ['a', 0],
      ['b', 1],
      ['c', 3],
    ] as const)
      writeFileSync(join(root, `client/${name}.test.ts`), failing(times));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts/test.mjs'), 'unit', 'client/'], {
      cwd: root,
      env,
      encoding: 'utf8',
    });
    assert.match(stdout, /failed in one process with others/);
    assert.match(stdout, /failed:\n +client\/c\.test\.ts unsound\n +in run 3\n\n5 passed, 1 failed\n$/);
    assert.equal(status, 1);
  });
});

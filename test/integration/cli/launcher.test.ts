// The launcher in somebody's checkout, run by root as with sudo: what it makes there is theirs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { needsRoot, projectRoot } from './k8ts-command.ts';

const uid = 54_321;

describe('the launcher in a checkout of another user', { skip: needsRoot }, () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-checkout-'));
    chmodSync(dir, 0o755);
    cpSync(join(projectRoot, 'k8ts'), join(dir, 'k8ts'));
    for (const folder of ['scripts', 'node_modules']) mkdirSync(join(dir, folder));
    for (const file of ['package-lock.json', 'node_modules/.k8ts-package-lock.json'])
      writeFileSync(join(dir, file), '{}');
    const build = `import { mkdirSync, writeFileSync } from 'node:fs';
mkdirSync('${dir}/dist/bin', { recursive: true });
writeFileSync('${dir}/dist/bin/k8ts.mjs', 'console.log("runs as", process.getuid());');`;
    writeFileSync(join(dir, 'scripts/build.mjs'), build);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const give = (...paths: string[]) => {
    for (const path of paths) chownSync(join(dir, path), uid, uid);
  };
  const launch = () => {
    const { status, stdout, stderr } = spawnSync(join(dir, 'k8ts'), ['version'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, 'runs as 0\n');
  };
  const ownerOf = (path: string) => statSync(join(dir, path)).uid;
  const made = ['dist', 'dist/.build-lock', 'dist/bin', 'dist/bin/k8ts.mjs'];

  test('builds with their rights and runs with its own', () => {
    give('.', 'scripts', 'node_modules');
    launch();
    assert.deepEqual(made.map(ownerOf), [uid, uid, uid, uid]);
  });

  test('builds as root where root’s files are in the way', () => {
    give('.', 'scripts', 'node_modules');
    mkdirSync(join(dir, 'dist'));
    launch();
    assert.equal(ownerOf('dist/bin/k8ts.mjs'), 0);
  });

  test('builds as root in a checkout of root', () => {
    launch();
    assert.deepEqual(made.map(ownerOf), [0, 0, 0, 0]);
  });

  test('wants a newer Node.js for a cluster than for itself, where npm has none for the machine', () => {
    mkdirSync(join(dir, 'bin'));
    const old = join(dir, 'bin/node');
    const script = `#!/bin/sh\n[ "$1" != --version ] || exec echo v20.20.2\nexec ${process.execPath} "$@"\n`;
    writeFileSync(old, script, { mode: 0o755 });
    const env = { ...process.env, PATH: `${dir}/bin:${process.env.PATH}` };
    const run = (verb: string) => spawnSync(join(dir, 'k8ts'), [verb], { encoding: 'utf8', env });
    assert.equal(run('version').stdout, 'runs as 0\n');
    const { status, stderr } = run('up');
    const said = `k8ts: Node.js >= 26.0 is needed, as npm brings none along here; ${old} is v20.20.2\n`;
    assert.deepEqual([status, stderr], [1, said]);
  });
});

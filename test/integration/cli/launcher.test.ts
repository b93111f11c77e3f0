// The launcher in somebody's checkout, run by root as with sudo: what it makes there is theirs.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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

  test('installs all that the build needs, whatever NODE_ENV and the settings of npm leave out', () => {
    const inDir = { cwd: dir, encoding: 'utf8' } as const;
    mkdirSync(join(dir, 'tool'));
    writeFileSync(join(dir, 'tool/package.json'), '{"name":"tool","version":"1.0.0"}');
    writeFileSync(join(dir, 'package.json'), '{"name":"a","version":"1.0.0","devDependencies":{"tool":"file:tool"}}');
    for (const path of ['node_modules', 'package-lock.json']) rmSync(join(dir, path), { recursive: true });
    const locked = spawnSync('npm', ['install', '--package-lock-only', '--offline'], inDir);
    assert.equal(locked.status, 0, locked.stderr);
    writeFileSync(join(dir, '.npmrc'), 'omit[]=dev\nomit[]=optional\npackage-lock=false\noffline=true\n');
    const env = { ...process.env, NODE_ENV: 'production' };
    const { status, stderr } = spawnSync(join(dir, 'k8ts'), ['version'], { ...inDir, env });
    assert.equal(status, 0, stderr);
    assert.ok(existsSync(join(dir, 'node_modules/tool/package.json')));
  });

  test('finds what lies in sbin, which su leaves out of PATH', () => {
    const node = join(dir, 'node');
    writeFileSync(node, '#!/bin/sh\n[ "$1" = --version ] && echo v26.0.0 || echo "$PATH"\n', { mode: 0o755 });
    mkdirSync(join(dir, 'dist/bin'), { recursive: true });
    writeFileSync(join(dir, 'dist/bin/k8ts.mjs'), '');
    const env = { PATH: `${dir}:/usr/local/bin:/usr/bin:/bin` };
    const { stdout } = spawnSync(join(dir, 'k8ts'), ['version'], { encoding: 'utf8', env });
    assert.equal(stdout, `${env.PATH}:/usr/local/sbin:/usr/sbin:/sbin\n`);
  });

  test('says whom it waits for while others install packages', async () => {
    const lock = join(dir, 'lock-frontend');
    const holder = spawn('flock', [lock, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    try {
      const wait = readFileSync(join(dir, 'k8ts'), 'utf8').match(/^wait_for_apt\(\) \{$.*?^\}$/ms)![0];
      const script = `say() { echo "$@"; }\nset -euo pipefail\n${wait.replaceAll('/var/lib/dpkg', dir)}\nwait_for_apt; echo done`;
      const waiter = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      waiter.stdout.setEncoding('utf8');
      const [said] = await once(waiter.stdout, 'data');
      assert.equal(said, `waiting for process ${holder.pid}: flock ${lock} sh -c echo; exec cat \n`);
      holder.stdin.end();
      assert.deepEqual(await once(waiter.stdout, 'data'), ['done\n']);
    } finally {
      holder.stdin.end();
    }
  });
});

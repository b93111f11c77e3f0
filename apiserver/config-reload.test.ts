import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Registry } from 'prom-client';
import { ConfigFileError } from '../machinery/config-file.ts';
import { silentLogger } from '../machinery/log.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { followConfigFile, type ReloadedFile } from './config-reload.ts';

let folder: string;
let path: string;
let stop: () => void = () => undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'k8ts-reload-'));
  path = join(folder, 'config.yaml');
  writeFileSync(path, 'first');
});
afterEach(() => {
  stop();
  rmSync(folder, { recursive: true, force: true });
});

function follow(use: (text: string) => void | Promise<void>, what: ReloadedFile['what'] = 'encryption') {
  const [clock, metrics] = [new FakeClock(), new Registry()];
  stop = followConfigFile({ what, path, use }, { clock, log: silentLogger, metrics });
  const prefix = `apiserver_${what}_config_controller_`;
  return {
    /** Until it has looked at the file again. */
    look: () => clock.advance(60_000),
    async counts(): Promise<Record<string, number>> {
      const all = await metrics.getMetricsAsJSON();
      const of = (name: string) => all.find((one) => one.name === prefix + name)!.values;
      assert.equal(of('last_config_info').length, 1);
      const { status: _, ...labels } = of('automatic_reloads_total')[0]?.labels ?? {};
      for (const hash of Object.values(labels)) assert.match(String(hash), /^sha256:[0-9a-f]{64}$/);
      return Object.fromEntries(of('automatic_reloads_total').map(({ labels: { status }, value }) => [status, value]));
    },
  };
}

test('what a file says now is used once, and what it said before it is put in place is not', async () => {
  const used: string[] = [];
  const { look, counts } = follow((text) => void used.push(text));
  await look();
  assert.deepEqual([used, await counts()], [[], {}]);
  writeFileSync(join(folder, 'next'), 'second');
  await look();
  renameSync(join(folder, 'next'), path);
  await look();
  await look();
  assert.deepEqual([used, await counts()], [['second'], { success: 1 }]);
});

test('what will never do is told once, what may do later is tried again; so is a file that is not there', async () => {
  const used: string[] = [];
  let isReachable = false;
  const { look, counts } = follow((text) => {
    used.push(text);
    if (text === 'wrong') throw new ConfigFileError('wrong');
    if (!isReachable) throw new Error('not now');
  }, 'authentication');
  writeFileSync(path, 'wrong');
  await look();
  await look();
  assert.deepEqual([used, await counts()], [['wrong'], { failure: 1 }]);
  writeFileSync(path, 'good');
  await look();
  isReachable = true;
  await look();
  assert.deepEqual([used, await counts()], [['wrong', 'good', 'good'], { failure: 2, success: 1 }]);
  rmSync(path);
  await look();
  writeFileSync(path, 'good');
  await look();
  assert.deepEqual(await counts(), { failure: 3, success: 1 });
});

test('authorization counts its beginning, as in Kubernetes', async () => {
  const { counts } = follow(() => undefined, 'authorization');
  assert.deepEqual(await counts(), { success: 1 });
});

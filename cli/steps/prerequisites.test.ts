import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isInstalled } from '../host/programs.ts';
import { layoutOf } from '../layout.ts';
import { UserError } from '../user-error.ts';
import { requireCapabilities, requireFreePorts, requirePrograms } from './prerequisites.ts';

const refusal = (message: RegExp, hint: RegExp) => (err: unknown) =>
  err instanceof UserError && message.test(err.message) && hint.test(err.hint ?? '');

describe('requireCapabilities()', () => {
  const everybody = '         0          0 4294967295\n';
  const status = (mask: string) => `Name:\tnode\nCapPrm:\t${mask}\nCapEff:\t${mask}\n`;
  test('takes root of the machine, and that of a privileged container', () => {
    requireCapabilities(status('000001ffffffffff'), everybody);
    requireCapabilities(status('0000003fffffffff'), everybody);
  });
  test('names what a container’s root lacks', () =>
    assert.throws(
      () => requireCapabilities(status('00000000a80425fb'), everybody),
      refusal(/lacks CAP_NET_ADMIN, CAP_SYS_ADMIN$/, /privileged/),
    ));
  test('knows root of a user namespace, who seems to have them all', () =>
    assert.throws(
      () => requireCapabilities(status('000001ffffffffff'), '0 1000 1\n1 100000 65536\n'),
      refusal(/user namespace/, /rootless/),
    ));
});

test('programs of BusyBox that come first are told', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-busybox-'));
  try {
    mkdirSync(join(dir, 'bin'));
    writeFileSync(join(dir, 'busybox'), '', { mode: 0o755 });
    symlinkSync(join(dir, 'busybox'), join(dir, 'bin/mount'));
    const [own, system] = [join(dir, 'bin'), '/usr/sbin:/usr/bin:/sbin:/bin'];
    assert.throws(() => requirePrograms(`${own}:${system}`), refusal(/^mount is BusyBox's/, /PATH/));
    // What else is missing here is another matter.
    const others = refusal(/^missing/, /Install/);
    if (isInstalled('etcd')) requirePrograms(`${system}:${own}`);
    else assert.throws(() => requirePrograms(`${system}:${own}`), others);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a loopback link that is down is told before anything waits for an answer over it', async () => {
  const { lo: _, ...others } = networkInterfaces();
  await assert.rejects(
    requireFreePorts(layoutOf({ name: 'a', slot: 0, egress: true }), others),
    refusal(/127\.0\.0\.1 cannot be reached/, /ip link set lo up/),
  );
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import { runtimeContainer } from '../../test/builders/runtime-state.ts';
import { readTerminationMessage } from './termination-message.ts';

describe('readTerminationMessage()', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-message-'));
  after(() => rmSync(dir, { recursive: true }));
  const path = '/dev/termination-log';
  const read = (host_path: string) => {
    const annotations = { 'io.kubernetes.container.terminationMessagePath': path };
    const mounts = [{ container_path: path, host_path }] as ContainerStatus['mounts'];
    return readTerminationMessage({ ...runtimeContainer({ name: 'app', exitCode: 1, annotations }), mounts });
  };

  test('the last 4096 bytes of the file', async () => {
    writeFileSync(join(dir, 'message'), `${'x'.repeat(5000)}end`);
    assert.equal(await read(join(dir, 'message')), `${'x'.repeat(4093)}end`);
    assert.equal(await read(join(dir, 'none')), '');
  });

  test('what the container put in place of the file is not followed, waited for or read', async () => {
    symlinkSync('/etc/hostname', join(dir, 'link'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    mkdirSync(join(dir, 'folder'));
    for (const name of ['link', 'pipe', 'folder']) assert.equal(await read(join(dir, name)), '');
  });
});

// Sixteen megabytes through each kind of stream, at every pace: nothing is missing, nobody else
// waits, memory stays where it was.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, Kubectl } from '../environment/kubectl.ts';
import { atEveryPace, type LoadedCluster, paces, type StreamLoad, startLoad } from '../environment/stream-load.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const bytes = 16 << 20;

describe('streams under load', { skip: needsRoot }, () => {
  let loaded: LoadedCluster;
  let load: StreamLoad;
  before(async () => {
    loaded = await startLoad('stream-load', bytes);
    load = loaded.load;
  });
  after(() => loaded?.[Symbol.asyncDispose]());

  test('exec, output over WebSocket', () => atEveryPace((pace) => load.execStdout('v5.channel.k8s.io', pace)));
  test('exec, output over WebSocket without half-close', () => load.execStdout('v4.channel.k8s.io', 'paused'));
  test('exec, output over SPDY', () => atEveryPace((pace) => load.execStdout('SPDY', pace)));
  test('exec, input over WebSocket', () => atEveryPace((pace) => load.execStdin('v5.channel.k8s.io', pace)));
  test('exec, input over SPDY', () => atEveryPace((pace) => load.execStdin('SPDY', pace)));
  for (const pace of paces) {
    test(`attach and log, ${pace}`, async () => {
      await load.attachStdout(pace === 'slow' ? 'SPDY' : 'v5.channel.k8s.io', pace);
      await load.logFollow(pace);
    });
  }
  test('attach, input', () => load.attachStdin('v5.channel.k8s.io', 'fast'));
  test('logs', () => atEveryPace((pace) => load.log(pace)));
  test('port-forward from the pod', () => atEveryPace((pace) => load.forwardFromPod('tunnel', pace)));
  test('port-forward from the pod over SPDY', () => atEveryPace((pace) => load.forwardFromPod('SPDY', pace)));
  test('port-forward to the pod', () => atEveryPace((pace) => load.forwardToPod('tunnel', pace)));

  test('another pod was served all the while, and memory is where it was', (t) => loaded.assertUndisturbed(t));

  test('nothing stays of the clients that left', async () => {
    await eventually('the end of their commands', () => {
      const processes = loaded.cluster.kubectl.get('exec', 'load', '-c', 'main', '--', 'ps', '-o', 'comm');
      return /^(yes|head|md5sum)$/m.test(processes) ? undefined : true;
    });
    await eventually('the end of their connections', () => loaded.openFiles().every((n) => n < 20) || undefined);
  });

  test('cp both ways, over WebSocket and SPDY', () => {
    const dir = mkdtempSync(join(tmpdir(), 'k8ts-cp-'));
    const content = createHash('sha512')
      .update('k8ts')
      .digest()
      .toString('hex')
      .repeat(bytes >> 7);
    try {
      writeFileSync(join(dir, 'out'), content);
      for (const webSockets of ['true', 'false']) {
        const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets };
        const kubectl = new Kubectl(loaded.cluster.kubeconfig, 'kubectl', env);
        kubectl.get('cp', join(dir, 'out'), `load:/tmp/in-${webSockets}`, '-c', 'main');
        kubectl.get('cp', `load:/tmp/in-${webSockets}`, join(dir, webSockets), '-c', 'main');
        assert.ok(readFileSync(join(dir, webSockets), 'utf8') === content);
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

// Sixteen megabytes through each kind of stream, at every pace: nothing is missing, nobody else waits, memory stays where it was.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apiClientOf } from '../environment/api-streams.ts';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { Kubectl } from '../environment/kubectl.ts';
import { type Pace, paces, StreamLoad, startLoadPods, watchOthers } from '../environment/stream-load.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const bytes = 16 << 20;
// Far above what is seen, and far below what a stalled process gives.
const maxExecMs = 5_000;
const maxGrownMib = 150;

describe('streams under load', { skip: needsRoot }, () => {
  let cluster: E2eCluster;
  let load: StreamLoad;
  let others: ReturnType<typeof watchOthers>;
  before(async () => {
    cluster = await startCluster('stream-load', ['busybox']);
    load = new StreamLoad(apiClientOf(cluster.kubectl), bytes);
    await startLoadPods(cluster, bytes);
    others = watchOthers(cluster);
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const atEveryPace = async (work: (pace: Pace) => Promise<void>) => {
    await Promise.all(paces.map(work));
  };

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

  test('another pod was served all the while, and memory is where it was', async (t) => {
    const seen = await others.end();
    t.diagnostic(JSON.stringify(seen));
    assert.ok(seen.slowestMs < maxExecMs, JSON.stringify(seen));
    for (const mib of Object.values(seen.peakMib)) assert.ok(mib < maxGrownMib, JSON.stringify(seen));
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
        const kubectl = new Kubectl(cluster.kubeconfig, 'kubectl', env);
        kubectl.get('cp', join(dir, 'out'), `load:/tmp/in-${webSockets}`, '-c', 'main');
        kubectl.get('cp', `load:/tmp/in-${webSockets}`, join(dir, webSockets), '-c', 'main');
        assert.ok(readFileSync(join(dir, webSockets), 'utf8') === content);
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

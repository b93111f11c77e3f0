// Every process of a cluster is killed in turn while an application serves: nobody notices. The
// node's own first process is left out: its end is the node's end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { findProcess, signalProcess } from '../../cli/host/processes.ts';
import { realClock } from '../../machinery/clock.ts';
import { type E2eCluster, patience, startCluster } from '../environment/cluster.ts';
import { eventually } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const victims = ['kubelet', 'runtime', 'proxy', 'scheduler', 'controllers', 'apiserver', 'etcd', 'supervisor'];
const mostPerSecond = 20;
const configMapCount = 200;

// In a thread of its own: the test waits for kubectl in this one. Sends at a steady rate until told
// to stop, then tells what it saw.
const loadThread = `
const { parentPort, workerData } = require('node:worker_threads');
const { request } = require('node:http');
const failures = [];
let sent = 0;
let open = 0;
const send = () => {
  const id = ++sent;
  const started = performance.now();
  let over = false;
  open++;
  const end = (why) => {
    if (over) return;
    over = true;
    open--;
    if (why) failures.push('request ' + id + ': ' + why + ' after ' + Math.round(performance.now() - started) + ' ms');
  };
  const req = request(workerData.url, { agent: false, timeout: 120000 }, (res) => {
    res.resume();
    res.on('end', () => end(res.statusCode === 200 ? undefined : 'status ' + res.statusCode));
    res.on('error', (err) => end(err.message));
  });
  req.on('timeout', () => req.destroy(new Error('no answer')));
  req.on('error', (err) => end(err.message));
  req.end();
};
const timer = setInterval(send, 1000 / workerData.perSecond);
parentPort.once('message', () => {
  clearInterval(timer);
  const tell = () => (open > 0 ? setTimeout(tell, 50) : parentPort.postMessage({ sent, failures }));
  tell();
});
`;

interface LoadReport {
  sent: number;
  failures: string[];
}

function startLoad(url: string, perSecond: number): { stop(): Promise<LoadReport> } {
  const worker = new Worker(loadThread, { eval: true, workerData: { url, perSecond } });
  return {
    async stop() {
      const report = once(worker, 'message');
      worker.postMessage('stop');
      const [told] = await report;
      await worker.terminate();
      return told as LoadReport;
    },
  };
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const req = request(url, { agent: false, timeout: 120_000 }, (res) => resolve(res.resume().statusCode));
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', reject);
    req.end();
  });
}

/**
 * How many requests a second leave the machine most of its time: where one takes a tenth of a second, more would leave
 * the processes of the cluster nothing to start again with.
 */
async function bearableRate(url: string): Promise<number> {
  const samples = 10;
  const startedMs = realClock.monotonicMs();
  for (let i = 0; i < samples; i++) await statusOf(url);
  const eachMs = (realClock.monotonicMs() - startedMs) / samples;
  return Math.min(mostPerSecond, Math.max(1, Math.floor(100 / eachMs)));
}

describe('faults', { skip: needsRoot, timeout: 3_600_000 }, () => {
  let cluster: E2eCluster;
  before(async () => {
    cluster = await startCluster('faults', ['busybox', 'nginx']);
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const containers = () =>
    cluster.kubectl
      .json('get', 'pods')
      .items.flatMap((p: any) =>
        p.status.containerStatuses.map((c: any) => `${p.metadata.name} ${c.containerID} ${c.restartCount}`),
      )
      .sort();

  test('SIGKILL of each process in turn: no request fails, no container notices, nothing acknowledged is lost', async (t) => {
    const { kubectl, cluster: k8ts } = cluster;
    kubectl.get('create', '-f', 'examples/nginx-deployment.yaml');
    kubectl.get('rollout', 'status', 'deployment/nginx-deployment', '--timeout=600s');
    kubectl.get('expose', 'deployment', 'nginx-deployment', '--port', '80');
    const { clusterIP } = kubectl.json('get', 'service', 'nginx-deployment').spec;
    await eventually('the service answers', async () => (await statusOf(`http://${clusterIP}/`)) === 200 || undefined);
    const perSecond = await bearableRate(`http://${clusterIP}/`);
    t.diagnostic(`${perSecond} requests a second`);
    const loop = `i=0; while [ $i -lt 2400 ]; do i=$((i+1)); wget -q -O /dev/null http://nginx-deployment/ || echo failed at $i; sleep ${1 / perSecond}; done`;
    // A slow machine takes longer to start the name server anew than resolvers have patience by themselves.
    const dnsConfig = { options: [{ name: 'attempts', value: '5' }] };
    const client = [
      'client',
      '--image=busybox:1.36',
      '--restart=Never',
      `--overrides=${JSON.stringify({ spec: { dnsConfig } })}`,
    ];
    kubectl.get('run', ...client, '--command', '--', 'sh', '-c', loop);
    kubectl.get('wait', '--for=condition=Ready', 'pod/client', '--timeout=600s');
    const before = containers();
    const load = startLoad(`http://${clusterIP}/`, perSecond);
    const acknowledged: string[] = [];
    let next = 0;
    let report: LoadReport;
    try {
      for (const victim of victims) {
        const pid = k8ts.pidOf(victim);
        process.kill(pid, 'SIGKILL');
        for (let i = 0; i < configMapCount / victims.length; i++) {
          const name = `c${next++}`;
          if (kubectl.run(['create', 'configmap', name, `--from-literal=n=${name}`]).code === 0)
            acknowledged.push(name);
        }
        const isBack = () => (k8ts.pidOf(victim) !== pid && k8ts.status().ready) || undefined;
        await eventually(`${victim} runs again`, isBack, 900_000);
      }
    } finally {
      report = await load.stop();
    }
    assert.deepEqual(report.failures, []);
    assert.ok(report.sent > victims.length * perSecond, `only ${report.sent} requests were sent`);
    assert.deepEqual(containers(), before);
    const there = new Set(kubectl.json('get', 'configmaps').items.map((c: any) => c.metadata.name));
    assert.deepEqual(
      acknowledged.filter((name) => !there.has(name)),
      [],
    );
    assert.ok(acknowledged.length > configMapCount / 2, `only ${acknowledged.length} writes were acknowledged`);
    assert.equal(kubectl.get('logs', 'client').slice(0, 500), '', 'requests from the pod failed');
    kubectl.get('scale', 'deployment/nginx-deployment', '--replicas=3');
    await eventually(
      'three are ready',
      () => kubectl.json('get', 'deployment', 'nginx-deployment').status.readyReplicas === 3 || undefined,
    );
  });

  test('after SIGKILL of everything at once, up brings back what was there', async () => {
    const { kubectl, cluster: k8ts, name } = cluster;
    kubectl.get('create', 'configmap', 'kept', '--from-literal=a=b');
    const { stdout } = spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' });
    const all = stdout
      .split('\n')
      .filter((line) => line.includes(`k8ts/${name}`) || line.includes(`k8ts-node ${name}/`));
    for (const line of all) {
      const ref = findProcess(Number.parseInt(line, 10));
      if (ref) signalProcess(ref, 'SIGKILL');
    }
    assert.equal(k8ts.status().ready, false);
    const up = k8ts.run('up', ...patience);
    assert.equal(up.code, 0, up.stdout + up.stderr);
    assert.deepEqual(k8ts.status().problems, []);
    assert.equal(kubectl.json('get', 'configmap', 'kept').data.a, 'b');
    await eventually('the same pods run again', () => {
      const statuses = kubectl
        .json('get', 'pods', '-l', 'app=nginx')
        .items.map((p: any) => p.status.containerStatuses[0]);
      return statuses.every((s: any) => s.restartCount === 1 && s.ready) || undefined;
    });
    const { clusterIP } = kubectl.json('get', 'service', 'nginx-deployment').spec;
    await eventually('the service answers', async () => (await statusOf(`http://${clusterIP}/`)) === 200 || undefined);
  });
});

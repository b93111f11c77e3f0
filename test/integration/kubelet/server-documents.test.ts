// What the kubelet's server has to read beside pods: health, metrics, configuration, logs of the
// node. Real HTTPS, and a runtime that is asked over the same types.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { issueCertificate, makeAuthority, type PemPair } from '../../../cli/pki/issue.ts';
import { type KubeletServer, type ServerDeps, startServer } from '../../../kubelet/server/server.ts';
import { realClock } from '../../../machinery/clock.ts';
import { silentLogger } from '../../../machinery/log.ts';
import { runtimeContainer } from '../../builders/runtime-state.ts';
import { freePort } from '../../environment/control-plane.ts';

const timestamp = '1767225600000000000';
const value = (n: number) => ({ value: String(n) });
const use = {
  cpu: { timestamp, usage_core_nano_seconds: value(1.5e9) },
  memory: { timestamp, working_set_bytes: value(4096) },
};
const sandboxStats = {
  attributes: { metadata: { name: 'p', namespace: 'ns' } },
  linux: {
    ...use,
    containers: [
      { ...use, attributes: { id: 'app-0', metadata: { name: 'app' } } },
      { cpu: null, memory: null, attributes: { id: 'done-0', metadata: { name: 'done' } } },
    ],
  },
};

describe("what the kubelet's server has to read", () => {
  let server: KubeletServer;
  let port: number;
  const pairs: Record<string, PemPair> = {};
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-node-logs-'));
  let isSynced = true;
  let isDown = false;

  before(async () => {
    const nowMs = realClock.now();
    pairs.ca = await makeAuthority({ file: '', commonName: 'test' }, nowMs);
    for (const commonName of ['node', 'kube-apiserver-kubelet-client', 'system:kube-proxy']) {
      const plan = { file: '', authority: '', commonName, usages: ['server', 'client'] as ('server' | 'client')[] };
      pairs[commonName] = await issueCertificate(plan, pairs.ca, nowMs);
    }
    const log = join(dir, 'log');
    mkdirSync(join(log, 'pods', 'a<b'), { recursive: true });
    writeFileSync(join(log, 'pods', '0.log'), 'line\n');
    writeFileSync(join(log, 'empty'), '');
    writeFileSync(join(dir, 'secret'), 'secret');
    symlinkSync('pods/0.log', join(log, 'inside'));
    symlinkSync('../secret', join(log, 'outside'));
    symlinkSync('..', join(log, 'above'));
    execFileSync('mkfifo', [join(log, 'pipe')]);
    port = await freePort();
    const pem = (text: string) => Buffer.from(text);
    const ListPodSandboxStats = async () => {
      if (isDown) throw new Error('the runtime is down');
      return { stats: [sandboxStats] };
    };
    server = await startServer({
      port,
      tls: {
        cert: pem(pairs.node!.certificatePem),
        key: pem(pairs.node!.keyPem),
        clientCa: pem(pairs.ca.certificatePem),
      },
      pods: { list: () => [{ runtime: { state: { containers: [runtimeContainer({ name: 'app' })] } } }] },
      cri: { runtime: { ListPodSandboxStats } },
      clock: realClock,
      log: silentLogger,
      nodeName: 'node',
      metrics: new Registry(),
      probeMetrics: new Registry(),
      health: { ping: () => undefined, syncloop: () => (isSynced ? undefined : 'not yet') },
      settings: { port, podLogsDir: join(log, 'pods'), clusterDns: '10.96.0.10', clusterDomain: 'cluster.local' },
      nodeUsage: () => ({ cpuSeconds: 7.25, workingSetBytes: 8192, atMs: 1000 }),
    } as unknown as ServerDeps);
  });
  after(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });

  async function ask(path: string, as = 'kube-apiserver-kubelet-client') {
    const { certificatePem: cert, keyPem: key } = pairs[as]!;
    const tls = { cert, key, ca: pairs.ca!.certificatePem, checkServerIdentity: () => undefined, agent: false };
    const req = request({ host: '127.0.0.1', port, path, ...tls });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    return { code: res.statusCode, text: await text(res), location: res.headers.location };
  }
  const answers = async (path: string, code: number, want: string | RegExp) => {
    const answer = await ask(path);
    assert.equal(answer.code, code, path);
    if (typeof want === 'string') assert.equal(answer.text, want, path);
    else assert.match(answer.text, want, path);
  };

  test('health: as a whole, by name, and what is wrong', async () => {
    await answers('/healthz', 200, 'ok');
    await answers('/healthz?verbose', 200, '[+]ping ok\n[+]syncloop ok\nhealthz check passed\n');
    await answers('/healthz/syncloop', 200, 'ok');
    await answers('/healthz/none', 404, '404 page not found\n');
    isSynced = false;
    await answers('/healthz', 500, '[+]ping ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n');
    await answers('/healthz/syncloop', 500, 'internal server error: not yet\n');
    await answers(
      '/healthz?verbose&exclude=syncloop&exclude=x',
      200,
      '[+]ping ok\n[+]syncloop excluded: ok\nwarn: some health checks cannot be excluded: no matches for "x"\nhealthz check passed\n',
    );
    isSynced = true;
  });

  test('the use of resources, with the time of each sample', async () => {
    const { text: metrics } = await ask('/metrics/resource');
    assert.deepEqual(
      metrics.split('\n').filter((line) => !line.startsWith('#')),
      [
        'node_cpu_usage_seconds_total 7.25 1000',
        'node_memory_working_set_bytes 8192 1000',
        'container_cpu_usage_seconds_total{container="app",namespace="ns",pod="p"} 1.5 1767225600000',
        'container_memory_working_set_bytes{container="app",namespace="ns",pod="p"} 4096 1767225600000',
        'container_start_time_seconds{container="app",namespace="ns",pod="p"} 1767225601',
        'pod_cpu_usage_seconds_total{namespace="ns",pod="p"} 1.5 1767225600000',
        'pod_memory_working_set_bytes{namespace="ns",pod="p"} 4096 1767225600000',
        'resource_scrape_error 0',
        '',
      ],
    );
    isDown = true;
    await answers('/metrics/resource', 200, /^resource_scrape_error 1$/m);
    isDown = false;
  });

  test('the configuration, under the names of its kind', async () => {
    const { kubeletconfig } = JSON.parse((await ask('/configz')).text);
    assert.equal(kubeletconfig.clusterDomain, 'cluster.local');
    assert.deepEqual(kubeletconfig.clusterDNS, ['10.96.0.10']);
  });

  test('logs of the node: folders, files, links within, and nothing else', async () => {
    await answers('/logs/', 200, /<a href="pods\/">pods\/<\/a>\n/);
    await answers('/logs/pods/', 200, /<a href="a%3Cb\/">a&lt;b\/<\/a>\n/);
    assert.deepEqual(await ask('/logs/pods'), { code: 301, text: '', location: 'pods/' });
    await answers('/logs/pods/0.log', 200, 'line\n');
    await answers('/logs/inside', 200, 'line\n');
    await answers('/logs/empty', 200, '');
    for (const path of [
      'none',
      'outside',
      'above/secret',
      '..%2fsecret',
      '%2e%2e/secret',
      'pipe',
      'pods%2f..%2f..',
      'a%00b',
    ])
      await answers(`/logs/${path}`, 404, '404 page not found\n');
  });

  test('is for the API server and admins', async () => {
    for (const path of ['/logs/', '/configz', '/metrics/resource', '/metrics/probes', '/healthz'])
      assert.equal((await ask(path, 'system:kube-proxy')).code, 403, path);
  });
});

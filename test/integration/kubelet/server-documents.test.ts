// What the kubelet's server has to read beside pods: health, metrics, configuration, logs of the
// node. Real HTTPS, and a runtime that is asked over the same types.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { joinSandboxes } from '../../../kubelet/pods/runtime-state.ts';
import { runtimeContainer, runtimeSandbox } from '../../builders/runtime-state.ts';
import { accessSettings, startKubeletServer, type TestKubeletServer } from '../../environment/kubelet-server.ts';

const timestamp = '1767225600000000000';
const value = (n: number) => ({ value: String(n) });
const use = {
  cpu: { timestamp, usage_core_nano_seconds: value(1.5e9) },
  memory: { timestamp, working_set_bytes: value(4096) },
};
const network = { name: 'eth0', rx_bytes: value(11), rx_errors: value(0), tx_bytes: value(22), tx_errors: value(0) };
const sandboxStats = {
  attributes: { metadata: { name: 'p', namespace: 'ns', uid: 'u' } },
  linux: {
    ...use,
    network: { timestamp, interfaces: [network] },
    containers: [
      {
        ...use,
        attributes: { id: 'app-0', metadata: { name: 'app' } },
        writable_layer: { timestamp, used_bytes: value(4096) },
      },
      { cpu: null, memory: null, attributes: { id: 'done-0', metadata: { name: 'done' } } },
    ],
  },
};

const groups: Record<string, Record<string, string>> = {
  '/': { 'cgroup.procs': '1', 'memory.current': '9000' },
  '/kubepods/podu': { 'cgroup.procs': '', 'memory.current': '800', 'cpu.stat': 'usage_usec 5\nnr_periods 0' },
  '/kubepods/podu/app-0': {
    'cgroup.procs': '1\n2',
    'cpu.stat': 'usage_usec 1500000\nnr_periods 3\nnr_throttled 2\nthrottled_usec 250000',
    'memory.current': '700',
    'memory.stat': 'anon 100\ninactive_file 200\npgfault 30\npgmajfault 4',
  },
};

describe("what the kubelet's server has to read", () => {
  let server: TestKubeletServer;
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-node-logs-'));
  let isSynced = true;
  let isDown = false;

  before(async () => {
    const log = join(dir, 'log');
    mkdirSync(join(log, 'pods', 'a<b'), { recursive: true });
    writeFileSync(join(log, 'pods', '0.log'), 'line\n');
    writeFileSync(join(log, 'empty'), '');
    writeFileSync(join(dir, 'secret'), 'secret');
    symlinkSync('pods/0.log', join(log, 'inside'));
    symlinkSync('../secret', join(log, 'outside'));
    symlinkSync('..', join(log, 'above'));
    execFileSync('mkfifo', [join(log, 'pipe')]);
    const ListPodSandboxStats = async () => {
      if (isDown) throw new Error('the runtime is down');
      return { stats: [sandboxStats] };
    };
    const pods = [
      {
        pod: { metadata: { name: 'p', namespace: 'ns', uid: 'u' } },
        runtime: {
          state: joinSandboxes([{ sandbox: runtimeSandbox(), containers: [runtimeContainer({ name: 'app' })] }]),
        },
      },
    ];
    server = await startKubeletServer({
      pods: { list: () => pods, worker: () => undefined },
      cri: { runtime: { ListPodSandboxStats } },
      health: { ping: () => undefined, syncloop: () => (isSynced ? undefined : 'not yet') },
      settings: {
        access: accessSettings,
        credentials: { rotates: true },
        serverCertificate: { certFile: '', rotates: true },
        podLogsDir: join(log, 'pods'),
        clusterDns: '10.96.0.10',
        clusterDomain: 'c',
      },
      signals: () => ({
        'memory.available': { available: 1000, capacity: 4096 },
        'nodefs.available': { available: 30, capacity: 100 },
        'nodefs.inodesFree': { available: 3, capacity: 10 },
        'pid.available': { available: 90, capacity: 100 },
      }),
      nodeUsage: () => ({ cpuSeconds: 7.25, usageBytes: 9000, workingSetBytes: 8192, atMs: 1000, pressure: {} }),
      tree: { version: 2, read: (_: string, path: string, file: string) => groups[path]?.[file] },
      cgroups: { pathOf: () => '/kubepods/podu' },
      facts: {
        cpus: 2,
        memoryBytes: 4096,
        bootId: 'b',
        machineId: 'm',
        systemUuid: 's',
        kernelVersion: '6',
        osImage: 'o',
      },
    });
  });
  after(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });

  const ask = (path: string) => server.ask(path);
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

  test('a summary of the node and its pods', async () => {
    const { node, pods } = JSON.parse((await ask('/stats/summary')).text);
    const { startTime, network, ...rest } = node;
    const { time } = rest.fs;
    assert.ok(startTime <= time, startTime);
    assert.ok(Array.isArray(network.interfaces));
    const own = '1970-01-01T00:00:01Z';
    assert.deepEqual(rest, {
      nodeName: 'node',
      cpu: { time: own, usageCoreNanoSeconds: 7.25e9 },
      memory: { time: own, availableBytes: 1000, usageBytes: 9000, workingSetBytes: 8192 },
      fs: { time, availableBytes: 30, capacityBytes: 100, usedBytes: 70, inodesFree: 3, inodes: 10, inodesUsed: 7 },
      runtime: { imageFs: { time }, containerFs: { time } },
      rlimit: { time, maxpid: 100, curproc: 10 },
    });
    assert.deepEqual(
      pods.map(({ podRef, containers }: any) => [podRef.name, containers.map((c: any) => c.name)]),
      [['p', ['app', 'done']]],
    );
    // Who asks for what is read quickly is given no more.
    const quick = JSON.parse((await ask('/stats/summary?only_cpu_and_memory=true')).text);
    assert.deepEqual(Object.keys(quick.node), ['nodeName', 'startTime', 'cpu', 'memory']);
    assert.deepEqual(Object.keys(quick.pods[0]), ['podRef', 'startTime', 'containers', 'cpu', 'memory']);
  });

  test('the configuration, under the names of its kind', async () => {
    const { kubeletconfig } = JSON.parse((await ask('/configz')).text);
    assert.equal(kubeletconfig.clusterDomain, 'c');
    assert.deepEqual(kubeletconfig.clusterDNS, ['10.96.0.10']);
    assert.deepEqual(kubeletconfig.authorization, {
      mode: 'Webhook',
      webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' },
    });
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

  test('what control groups use: the node, pods and containers', async () => {
    const { text: metrics } = await ask('/metrics/cadvisor');
    const has = (line: string) =>
      assert.ok(
        metrics.split('\n').some((one) => one.startsWith(line)),
        `${line} in\n${metrics}`,
      );
    const container = (more = '') =>
      `container="app",id="/kubepods/podu/app-0",image="x/app:1",name="app-0",namespace="ns",pod="p"${more}`;
    has('machine_cpu_cores{boot_id="b",machine_id="m",system_uuid="s"} 2');
    has('machine_memory_bytes{boot_id="b",machine_id="m",system_uuid="s"} 4096');
    has('container_memory_usage_bytes{container="",id="/",image="",name="",namespace="",pod=""} 9000 ');
    has('container_memory_usage_bytes{container="",id="/kubepods/podu",image="",name="",namespace="ns",pod="p"} 800 ');
    has(`container_cpu_usage_seconds_total{${container(',cpu="total"')}} 1.5 `);
    has(`container_memory_working_set_bytes{${container()}} 500 `);
    has(`container_memory_rss{${container()}} 100 `);
    has(`container_cpu_cfs_throttled_seconds_total{${container()}} 0.25 `);
    has(`container_processes{${container()}} 2 `);
    for (const scope of ['container', 'hierarchy']) {
      has(`container_memory_failures_total{${container(`,failure_type="pgfault",scope="${scope}"`)}} 30 `);
      has(`container_memory_failures_total{${container(`,failure_type="pgmajfault",scope="${scope}"`)}} 4 `);
    }
    assert.match(metrics, /^container_file_descriptors{container="app",[^}]*} \d+ /m);
    assert.match(metrics, /^container_sockets{container="app",[^}]*} \d+ /m);
    assert.match(metrics, /^container_ulimits_soft{container="app",[^}]*,ulimit="max_open_files"} -?\d+ /m);
    assert.doesNotMatch(metrics, /^container_ulimits_soft{[^}]*id="\/kubepods\/podu"/m, 'of what has no first process');
    has(`container_spec_memory_limit_bytes{${container()}} 0 `);
    has(`container_fs_usage_bytes{${container(',device=""')}} 4096 `);
    const sandbox = 'container="",id="/kubepods/podu/sandbox-0",image="",name="sandbox-0",namespace="ns",pod="p"';
    has(`container_network_receive_bytes_total{${sandbox},interface="eth0"} 11 `);
    has(`container_network_transmit_bytes_total{${sandbox},interface="eth0"} 22 `);
    has('container_scrape_error 0');
    assert.ok(!metrics.includes('_cfs_periods_total{container="",id="/kubepods/podu"'), 'of what has no limit');
    isDown = true;
    await answers('/metrics/cadvisor', 200, /^container_scrape_error 1$/m);
    isDown = false;
  });

  test('pods that run, as the runtime has them', async () => {
    const { items } = JSON.parse((await ask('/runningpods/')).text);
    assert.deepEqual(items, [
      {
        metadata: { name: 'p', namespace: 'ns', uid: 'u' },
        spec: { containers: [{ name: 'app', image: 'sha256:1', resources: {} }] },
        status: {},
      },
    ]);
  });
});

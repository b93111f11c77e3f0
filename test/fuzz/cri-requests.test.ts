// Generated CRI requests to a runtime as a process: every verb, right requests with something else
// in them. Paths of the host that requests name lie in the test's own folder.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { isRpcError } from '../../proto/promise-client.ts';
import { type Draw, fuzz, fuzzSeconds } from '../environment/fuzz.ts';
import {
  missingForContainers,
  runPod,
  sandboxConfig,
  TestNode,
  testImage,
  waitForExit,
} from '../integration/runtime/test-node.ts';
import { startProbe } from './runtime-probe.ts';

const healthPort = 18_078;
const callDeadlineMs = 20_000;
const maxRssMiB = 500;
const podEvery = 100;

const numbers = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
const longs = ['0', '-1', '9223372036854775807', '-9223372036854775808'];
const texts = [
  '',
  ' ',
  '.',
  '..',
  '../x',
  'a/b',
  'a\0b',
  'new\nline',
  'ünï',
  '-rf',
  'x'.repeat(300),
  'y'.repeat(70_000),
];

/** What our own client does not send. */
const clientRefusal = /^Request message serialization failure/;

/** Fields that name something on the host, or would be of it: left as they are. */
const kept = /^(host_path|log_directory|cgroup_parent|command|cmd|image|container_id|pod_sandbox_id)$/;

/** The value with some leaves changed, doubled or lost. */
function change(draw: Draw, value: unknown, key = ''): unknown {
  if (kept.test(key) && key !== 'image') return value;
  if (Buffer.isBuffer(value) || value === null) return value;
  if (draw.chance(0.02)) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => change(draw, item, key)).filter((item) => item !== undefined);
    return draw.chance(0.02)
      ? items.slice(0, 1).flatMap((item) => Array(1_000).fill(item))
      : draw.chance(0.05)
        ? [...items, ...items]
        : items;
  }
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        draw.chance(0.01) ? draw.of(texts) : name,
        change(draw, item, name),
      ]),
    );
  if (!draw.chance(0.08)) return value;
  if (typeof value === 'number') return draw.of(numbers);
  if (typeof value === 'boolean') return !value;
  return /^-?\d+$/.test(String(value)) ? draw.of(longs) : draw.of(texts);
}

describe('CRI requests', { skip: missingForContainers(), timeout: (fuzzSeconds + 180) * 1000 }, () => {
  let node: TestNode;
  let outside: string;
  before(async () => {
    node = await TestNode.start({ flags: ['--health-port', String(healthPort)] });
    outside = join(node.dir, 'outside');
    mkdirSync(outside);
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  const drawSandbox = (draw: Draw) => {
    const base = sandboxConfig(node, `s${draw.below(5)}`);
    const parents = [base.linux.cgroup_parent, '', '/', '..', '../..', '/../../x', `${'d/'.repeat(20)}`, 'a\0b'];
    return {
      ...base,
      annotations: { a: 'b' },
      dns_config: { servers: ['10.96.0.10'], searches: ['a.b'], options: ['ndots:5'] },
      port_mappings: draw.chance(0.3)
        ? [{ protocol: draw.of(['TCP', 'UDP', 'SCTP']), container_port: 80, host_port: 18_090, host_ip: '' }]
        : [],
      linux: {
        cgroup_parent: draw.chance(0.8) ? base.linux.cgroup_parent : draw.of(parents),
        sysctls: draw.chance(0.2)
          ? {
              [draw.of(['net.ipv4.ip_unprivileged_port_start', 'kernel.shm_rmid_forced', 'net.no.such', 'x'])]: draw.of(
                ['0', 'x', ''],
              ),
            }
          : {},
        security_context: { namespace_options: { network: 'POD', pid: draw.of(['POD', 'CONTAINER']), ipc: 'POD' } },
      },
    };
  };

  const drawContainer = (draw: Draw) => ({
    metadata: { name: draw.of(['a', 'b']), attempt: draw.below(3) },
    image: { image: testImage },
    command: draw.of([['true'], ['sleep', '1'], ['/none'], [''], []]),
    args: draw.chance(0.2) ? [draw.of(texts)] : [],
    working_dir: '/',
    envs: [{ key: 'A', value: Buffer.from('b') }],
    labels: { a: 'b' },
    log_path: 'a/0.log',
    stdin: false,
    tty: false,
    mounts: draw.many(3, () => ({
      container_path: draw.of([
        '/m',
        '/m/n',
        'relative',
        '/',
        '/../x',
        '/proc',
        '/proc/1',
        '/dev/null',
        '/etc/passwd',
        ...texts,
      ]),
      host_path: draw.of([outside, join(outside, 'missing'), '', 'relative', `${outside}/../outside`]),
      readonly: true,
      propagation: draw.of(['PROPAGATION_PRIVATE', 'PROPAGATION_HOST_TO_CONTAINER']),
    })),
    devices: draw.chance(0.1)
      ? [
          {
            container_path: draw.of(['/dev/x', '', '/']),
            host_path: draw.of(['/dev/null', '/dev/none', outside]),
            permissions: draw.of(['rwm', 'x', '']),
          },
        ]
      : [],
    linux: {
      resources: {
        cpu_period: '100000',
        cpu_quota: draw.of(['0', '50000', '-1', '5']),
        cpu_shares: '2',
        memory_limit_in_bytes: draw.of(['0', '-1', '100000000', '4096']),
        oom_score_adj: '0',
        hugepage_limits: draw.chance(0.1) ? [{ page_size: draw.of(['2MB', '../x', '']), limit: '0' }] : [],
        unified: draw.chance(0.1) ? { [draw.of(['memory.high', '../../x', 'x'])]: '1' } : {},
        cpuset_cpus: draw.of(['', '', '0', '99', 'x']),
      },
      security_context: {
        capabilities: { add_capabilities: ['NET_ADMIN'], drop_capabilities: ['ALL'] },
        run_as_user: { value: '0' },
        supplemental_groups: ['1'],
        readonly_rootfs: true,
        namespace_options: { network: 'POD', pid: 'POD', ipc: 'POD' },
        masked_paths: ['/proc/kcore'],
        readonly_paths: ['/proc/sys'],
      },
    },
  });

  /** Ids that are there, and ids that are not. */
  async function drawIds(draw: Draw) {
    const { items } = await node.cri.runtime.ListPodSandbox({});
    const { containers } = await node.cri.runtime.ListContainers({});
    const one = (ids: string[]) =>
      ids.length === 0 || draw.chance(0.15) ? draw.of([...texts, 'f'.repeat(64), 'a']) : draw.of(ids);
    return { pod_sandbox_id: one(items.map((s) => s.id)), container_id: one(containers.map((c) => c.id)) };
  }

  async function drawCall(draw: Draw): Promise<[verb: string, request: object]> {
    const ids = await drawIds(draw);
    const sandbox_config = drawSandbox(draw);
    const filter = {
      id: draw.of(texts),
      label_selector: draw.of([{ test: 'x' }, {}]),
      state: draw.chance(0.5) ? { state: draw.of(numbers) } : null,
    };
    const image = { image: draw.of([testImage, ...texts, 'none:1', 'sha256:', `sha256:${'0'.repeat(64)}`]) };
    const calls: Record<string, object> = {
      RunPodSandbox: { config: sandbox_config, runtime_handler: '' },
      CreateContainer: { ...ids, config: drawContainer(draw), sandbox_config },
      StopContainer: { ...ids, timeout: draw.of(['0', '1', '-1', '-9223372036854775808']) },
      ExecSync: {
        ...ids,
        cmd: draw.of([['true'], ['/none'], [], ['sleep', '30']]),
        timeout: draw.of(['1', '1', '-1', '0']),
      },
      UpdateContainerResources: { ...ids, linux: drawContainer(draw).linux.resources },
      Exec: { ...ids, cmd: ['true'], stdin: true, stdout: true },
      Attach: { ...ids, stdin: true, stdout: true },
      PortForward: { ...ids, port: draw.many(5, () => draw.of(numbers)) },
      ListContainers: { filter },
      ListPodSandbox: { filter },
      ListContainerStats: { filter },
      ListPodSandboxStats: { filter },
      ImageStatus: { image },
      ListImages: { filter: { image } },
      PullImage: { image: { image: draw.of(['127.0.0.1:1/a:1', ...texts]) }, auth: { auth: draw.of(texts) } },
      RemoveImage: { image: { image: draw.of(['none:1', ...texts]) } },
      UpdateRuntimeConfig: {
        runtime_config: { network_config: { pod_cidr: draw.of([...texts, '10.0.0.0/99', '::/0']) } },
      },
    };
    for (const verb of ['StopPodSandbox', 'RemovePodSandbox', 'PodSandboxStatus', 'StartContainer', 'RemoveContainer'])
      calls[verb] = ids;
    for (const verb of [
      'ContainerStatus',
      'ContainerStats',
      'PodSandboxStats',
      'ReopenContainerLog',
      'Status',
      'Version',
    ])
      calls[verb] = { ...ids, verbose: true };
    const often = ['RunPodSandbox', 'CreateContainer', 'StartContainer', 'RemovePodSandbox'];
    const verb = draw.chance(0.5) ? draw.of(often) : draw.of(Object.keys(calls));
    return [verb, (change(draw, calls[verb]) ?? {}) as object];
  }

  async function call(verb: string, request: object): Promise<{ code: number; details: string }> {
    const { runtime, images } = node.cri;
    const verbs = { ...runtime, ...images } as unknown as Record<string, (r: object, s: object) => Promise<unknown>>;
    try {
      await verbs[verb]!(request, { timeoutMs: callDeadlineMs });
      return { code: status.OK, details: '' };
    } catch (err) {
      if (!isRpcError(err)) throw err;
      return err;
    }
  }

  async function removeAll(): Promise<void> {
    const { items } = await node.cri.runtime.ListPodSandbox({});
    await Promise.all(items.map((s) => node.cri.runtime.RemovePodSandbox({ pod_sandbox_id: s.id })));
    assert.deepEqual(await node.lastingLeftovers(), []);
    // The source of a mount is made where it is missing.
    assert.deepEqual(
      readdirSync(outside).filter((name) => name !== 'missing'),
      [],
    );
  }

  test('no request breaks the runtime', async () => {
    await using probe = await startProbe(node, healthPort);
    const seen = new Map<string, number>();
    await fuzz(async (draw, index) => {
      const [verb, request] = await drawCall(draw);
      const { code, details } = await call(verb, request);
      const shown = `${verb} ${JSON.stringify(request).slice(0, 3_000)}: ${code} ${details}`;
      // The runtime itself never answers INTERNAL.
      const key = `${verb} ${code === status.INTERNAL ? 'not sent' : status[code]}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      assert.notEqual(code, status.DEADLINE_EXCEEDED, shown);
      if (verb !== 'PullImage') assert.notEqual(code, status.UNAVAILABLE, shown);
      // Only what the OCI runtime says of a container that it cannot start has no code of its own, here as elsewhere.
      if (code === status.UNKNOWN)
        assert.match(`${verb}: ${details}`, /^StartContainer: .*(OCI runtime|conmon)/, shown);
      if (code === status.INTERNAL) assert.match(details, clientRefusal, shown);
      assert.doesNotMatch(details, /Cannot read|is not a function|is not iterable|ERR_|call stack/, shown);
      await probe.check({ maxRssMiB });
      if (index % podEvery !== 0) return;
      await removeAll();
      const { container_id } = await runPod(node, `good-${index}`, { command: ['true'] });
      assert.equal((await waitForExit(node, container_id)).exit_code, 0);
    });
    await removeAll();
    console.log('answers:', Object.fromEntries([...seen].sort()));
  });
});

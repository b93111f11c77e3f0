// A pod's life with real containers: sandbox, container, logs, limits, exits, stops, a killed runtime; nothing is left.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { isRpcError } from '../../../proto/promise-client.ts';
import { eventually } from '../../environment/kubectl.ts';
import { debianProgram } from '../../images/debian-tree.ts';
import {
  missingForContainers,
  nodeIp,
  readLog,
  runPod,
  sandboxConfig,
  TestNode,
  testImage,
  waitForExit,
} from './test-node.ts';

const sleepForever = { command: ['sh', '-c', 'trap "exit 0" TERM; echo waiting; while true; do sleep 0.2; done'] };
/** Until the script has said something: its traps are set before. */
const hasSpoken = (logPath: string) =>
  eventually('the first line', () => readFileSync(logPath, 'utf8').length > 0 || undefined);
const hasCode = (code: number, text: RegExp) => (err: unknown) =>
  isRpcError(err) && err.code === code && text.test(err.details);

describe('container lifecycle', { skip: missingForContainers(), timeout: 100_000 }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start();
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  const execText = async (container_id: string, script: string) => {
    const { stdout } = await node.cri.runtime.ExecSync({ container_id, cmd: ['sh', '-c', script], timeout: '10' });
    return Buffer.from(stdout).toString().trim();
  };

  test('a container runs, logs, exits and is removed', async () => {
    const { runtime } = node.cri;
    const script = 'hostname; ip -4 addr show eth0 | grep -o "inet [0-9.]*"; echo oops >&2; printf partial; exit 3';
    const { pod_sandbox_id, container_id, logPath } = await runPod(node, 'life', { command: ['sh', '-c', script] });
    const { status: sandbox } = await runtime.PodSandboxStatus({ pod_sandbox_id });
    assert.equal(sandbox!.state, 'SANDBOX_READY');
    assert.equal(sandbox!.network!.ip, '10.244.77.2');
    const container = await waitForExit(node, container_id);
    assert.deepEqual([container.exit_code, container.reason], [3, 'Error']);
    assert.ok(BigInt(container.finished_at) > BigInt(container.started_at));
    const lines = readLog(logPath).map((l) => l.replace(/^\S+ /, ''));
    assert.deepEqual(lines.sort(), ['stderr F oops', 'stdout F inet 10.244.77.2', 'stdout F life', 'stdout P partial']);
    for (let twice = 0; twice < 2; twice++) {
      await runtime.StopPodSandbox({ pod_sandbox_id });
      await runtime.RemoveContainer({ container_id });
      await runtime.RemovePodSandbox({ pod_sandbox_id });
    }
    await assert.rejects(runtime.ContainerStatus({ container_id }), hasCode(status.NOT_FOUND, /not found/));
  });

  test('a command that cannot run fails the start, worded as users know it', async () => {
    const cases: [string[], string, RegExp][] = [
      [['/no/such'], '', /exec: "\/no\/such": stat \/no\/such: no such file or directory/],
      [['nosuch'], '', /exec: "nosuch": executable file not found in \$PATH/],
      [['sh', '-c', 'true'], '/bin/sh', /mkdir \/bin\/sh: not a directory/],
    ];
    for (const [i, [command, working_dir, text]] of cases.entries()) {
      await assert.rejects(runPod(node, `bad-${i}`, { command, working_dir }), (err: Error) => text.test(err.message));
    }
    const { containers } = await node.cri.runtime.ListContainers({ filter: { state: { state: 'CONTAINER_EXITED' } } });
    const { status: failed } = await node.cri.runtime.ContainerStatus({ container_id: containers[0]!.id });
    assert.deepEqual([failed!.exit_code, failed!.reason], [128, 'StartError']);
  });

  test('ExecSync answers output and exit code, and kills what takes too long', async () => {
    const { container_id } = await runPod(node, 'exec-sync', sleepForever);
    const { runtime } = node.cri;
    const answer = await runtime.ExecSync({ container_id, cmd: ['sh', '-c', 'echo out; echo err >&2; exit 4'] });
    assert.deepEqual([`${answer.stdout}`, `${answer.stderr}`, answer.exit_code], ['out\n', 'err\n', 4]);
    const slow = runtime.ExecSync({ container_id, cmd: ['sleep', '4343'], timeout: '1' });
    await assert.rejects(slow, hasCode(status.DEADLINE_EXCEEDED, /timeout 1s exceeded/));
    assert.doesNotMatch(await execText(container_id, 'ps'), /sleep 4343/);
  });

  test('limits reach the cgroup and can be changed; too much memory is OOMKilled', async () => {
    const resources = {
      cpu_shares: '512',
      cpu_quota: '50000',
      cpu_period: '100000',
      memory_limit_in_bytes: '33554432',
    };
    const { image } = await node.cri.images.ImageStatus({ image: { image: testImage } });
    const made = { ...sleepForever, image: { image: image!.id }, linux: { resources } };
    const { container_id } = await runPod(node, 'limits', made);
    const script =
      'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us 2>/dev/null || cat memory.max cpu.max';
    assert.match(await execText(container_id, script), /^33554432\n50000/);
    // Every mount there, the tmpfs of version 1 included.
    const mounts = (await execText(container_id, 'grep " /sys/fs/cgroup" /proc/mounts')).split('\n');
    for (const line of mounts) assert.match(line, /^\S+ \S+ \S+ ro,/);
    const linux = { cpu_quota: '20000', memory_limit_in_bytes: '67108864' };
    await node.cri.runtime.UpdateContainerResources({ container_id, linux });
    assert.match(await execText(container_id, script), /^67108864\n20000/);
    const { status: updated } = await node.cri.runtime.ContainerStatus({ container_id });
    assert.equal(updated!.resources!.linux!.cpu_quota, '20000');
    assert.equal(updated!.image!.image, testImage, 'a container that was made by the id of its image');
    const { stats } = await node.cri.runtime.ContainerStats({ container_id });
    assert.ok(BigInt(stats!.memory!.working_set_bytes!.value) > 0n);
    const eater = await runPod(node, 'oom', {
      command: ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1'],
      linux: { resources: { memory_limit_in_bytes: '16777216' } },
    });
    const ended = await waitForExit(node, eater.container_id);
    // The shell may outlive its child and report it; either way the cgroup saw the kill.
    assert.deepEqual([ended.exit_code, ended.reason], [137, 'OOMKilled']);
  });

  test('StopContainer lets a container end, and kills one that will not', async () => {
    const { runtime } = node.cri;
    const polite = await runPod(node, 'polite', sleepForever);
    await hasSpoken(polite.logPath);
    await runtime.StopContainer({ container_id: polite.container_id, timeout: '10' });
    assert.equal((await runtime.ContainerStatus({ container_id: polite.container_id })).status!.exit_code, 0);
    const deaf = await runPod(node, 'deaf', {
      command: ['sh', '-c', 'trap "" TERM; echo deaf; while true; do sleep 0.2; done'],
    });
    await hasSpoken(deaf.logPath);
    await runtime.StopContainer({ container_id: deaf.container_id, timeout: '1' });
    assert.equal((await runtime.ContainerStatus({ container_id: deaf.container_id })).status!.exit_code, 137);
    await runtime.StopContainer({ container_id: deaf.container_id, timeout: '1' });
  });

  test('a reopened log is a new file', async () => {
    const { container_id, logPath } = await runPod(node, 'rotate', {
      command: ['sh', '-c', 'while true; do echo tick; sleep 0.05; done'],
    });
    renameSync(logPath, `${logPath}.1`);
    await node.cri.runtime.ReopenContainerLog({ container_id });
    assert.ok(existsSync(logPath));
  });

  test('pods reach each other, the node reaches pods, hostPorts lead to pods', async () => {
    const port_mappings = [{ protocol: 'TCP' as const, container_port: 8080, host_port: 18_088 }];
    const server = await runPod(
      node,
      'server',
      { command: ['sh', '-c', 'echo content > /tmp/index.html; httpd -f -p 8080 -h /tmp'] },
      { port_mappings },
    );
    const client = await runPod(node, 'client', sleepForever);
    const { status: sandbox } = await node.cri.runtime.PodSandboxStatus({ pod_sandbox_id: server.pod_sandbox_id });
    const { ip } = sandbox!.network!;
    // Not wget: the static busybox of some distributions cannot use its resolver.
    const fetchFrom = (address: string, port: number, busybox = 'busybox') =>
      `printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | ${busybox} nc -w 3 ${address} ${port} | tail -1`;
    const content = await eventually('the server answers', async () =>
      execText(client.container_id, fetchFrom(ip, 8080)).then((text) => text || undefined),
    );
    assert.equal(content, 'content');
    const busybox = debianProgram('busybox-static', 'bin/busybox');
    for (const [address, port] of [
      [ip, 8080],
      [nodeIp, 18_088],
      ['127.0.0.1', 18_088],
    ] as const) {
      assert.equal(node.run('sh', '-c', fetchFrom(address, port, busybox)).trim(), 'content', address);
    }
    assert.equal(await execText(client.container_id, fetchFrom(nodeIp, 18_088)), 'content');
    assert.equal(await execText(server.container_id, fetchFrom(nodeIp, 18_088)), 'content');
    const rival = runPod(node, 'rival', sleepForever, { port_mappings });
    await assert.rejects(rival, /host port 18088\/tcp is in use/);
  });

  test('security: user, groups, capabilities, read-only root, masked paths, seccomp, sysctls', async () => {
    const security_context = {
      run_as_username: 'guest',
      supplemental_groups: ['4000'],
      readonly_rootfs: true,
      no_new_privs: true,
      capabilities: { drop_capabilities: ['ALL'] },
      masked_paths: ['/proc/kcore', '/proc/keys'],
      readonly_paths: ['/proc/sys'],
      seccomp: { profile_type: 'RuntimeDefault' as const },
    };
    const { container_id } = await runPod(
      node,
      'secure',
      { ...sleepForever, linux: { security_context } },
      { linux: { cgroup_parent: '/kubepods/pod-secure', sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' } } },
    );
    assert.match(await execText(container_id, 'id'), /uid=1000\(guest\) gid=1001\(guests\) groups=.*1234.*4000/);
    assert.match(
      await execText(container_id, 'grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status'),
      /CapBnd:\s+0+\nNoNewPrivs:\s+1\nSeccomp:\s+2/,
    );
    assert.match(await execText(container_id, 'touch /x 2>&1; true'), /Read-only file system/);
    assert.equal(await execText(container_id, 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start'), '80');
    assert.equal(await execText(container_id, 'cat /proc/keys'), '');
  });

  test('a killed runtime finds everything again, and nothing noticed', async () => {
    const { container_id, pod_sandbox_id, logPath } = await runPod(node, 'survivor', {
      command: ['sh', '-c', 'i=0; while true; do i=$((i+1)); echo line $i; sleep 0.05; done'],
    });
    const shortLived = await runPod(node, 'short', { command: ['sh', '-c', 'sleep 0.4; exit 9'] });
    const before = await node.cri.runtime.ContainerStatus({ container_id, verbose: true });
    await node.stopRuntime('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 700));
    await node.startRuntime();
    const { runtime } = node.cri;
    const after = await runtime.ContainerStatus({ container_id, verbose: true });
    assert.deepEqual(after, before);
    assert.equal((await runtime.PodSandboxStatus({ pod_sandbox_id })).status!.state, 'SANDBOX_READY');
    assert.equal((await waitForExit(node, shortLived.container_id)).exit_code, 9);
    const numbers = readLog(logPath).map((l) => Number(/line (\d+)$/.exec(l)?.[1]));
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i + 1),
    );
    assert.match(await execText(container_id, 'cat /proc/1/comm'), /sh|pause/);
  });

  test('a record that cannot be read is set aside: its container runs on, and is there again with its record', async () => {
    const { container_id } = await runPod(node, 'spoilt', sleepForever);
    const record = join(node.dir, 'root/containers', container_id, 'record.json');
    const text = readFileSync(record, 'utf8');
    const before = await node.cri.runtime.ContainerStatus({ container_id, verbose: true });
    await node.stopRuntime('SIGKILL');
    writeFileSync(record, text.slice(0, 40));
    await node.startRuntime();
    await assert.rejects(
      node.cri.runtime.ContainerStatus({ container_id, verbose: false }),
      hasCode(status.NOT_FOUND, /./),
    );
    await node.stopRuntime('SIGKILL');
    writeFileSync(record, text);
    await node.startRuntime();
    assert.deepEqual(await node.cri.runtime.ContainerStatus({ container_id, verbose: true }), before);
    assert.match(await execText(container_id, 'cat /proc/1/comm'), /sh|pause/);
  });

  test('a sandbox that cannot be made leaves nothing', async () => {
    const config = sandboxConfig(node, 'broken');
    const linux = { ...config.linux, sysctls: { 'net.ipv4.no_such_sysctl': '1' } };
    await assert.rejects(node.cri.runtime.RunPodSandbox({ config: { ...config, linux } }));
    // A port that is in the table of hostPorts, and nobody knows why: refused late, when all else is made.
    const element = ['ip', 'k8ts-runtime', 'hostports', '{ tcp . 8099 : 10.9.9.9 . 80 }'];
    node.run('nft', 'add', 'element', ...element);
    const port_mappings = [{ protocol: 'TCP' as const, container_port: 80, host_port: 8099, host_ip: '' }];
    for (let twice = 0; twice < 2; twice++) {
      const call = node.cri.runtime.RunPodSandbox({ config: { ...config, port_mappings } });
      await assert.rejects(call, (err: Error) => !/is reserved/.test(err.message) && /nft/.test(err.message));
    }
    node.run('nft', 'delete', 'element', ...element);
    assert.deepEqual(
      node.findLeftovers().filter((l) => l.includes('pod-broken')),
      [],
    );
    const { items } = await node.cri.runtime.ListPodSandbox({ filter: { label_selector: { test: 'broken' } } });
    assert.deepEqual(items, []);
  });

  test('images in use stay; absent images are an empty answer', async () => {
    const { images } = node.cri;
    assert.equal((await images.ImageStatus({ image: { image: 'no/such:1' } })).image, null);
    const { image } = await images.ImageStatus({ image: { image: testImage } });
    assert.deepEqual(image!.repo_tags, [testImage]);
    await runPod(node, 'user', sleepForever);
    await assert.rejects(images.RemoveImage({ image: { image: testImage } }), /in use/);
  });

  test('unsupported calls say so', async () => {
    const call = node.cri.runtime.CheckpointContainer({ container_id: 'x' });
    await assert.rejects(call, hasCode(status.UNIMPLEMENTED, /CRIU/));
    assert.ok(readFileSync(join(node.dir, 'root/pause/pause')).length > 0);
  });
});

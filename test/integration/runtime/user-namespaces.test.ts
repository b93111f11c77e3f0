// Sandboxes with a user namespace of their own, with real containers: whose processes and files are whose on the node, what
// their root may and may not, and that nothing is left.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { isRpcError } from '../../../proto/promise-client.ts';
import { buildOciArchive, busyboxLayer } from './image-archive.ts';
import { missingForUserNamespaces, readLog, runPod, sandboxConfig, TestNode, waitForExit } from './test-node.ts';

const firstId = 131_072;
const ids = [{ container_id: 0, host_id: firstId, length: 65_536 }];
const userns_options = { mode: 'POD' as const, uids: ids, gids: ids };
const mapped = { uidMappings: ids, gidMappings: ids };
const image = { image: 'docker.io/library/k8ts-userns:1' };
const sleepForever = ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.2; done'];

describe('sandboxes with a user namespace', { skip: missingForUserNamespaces(), timeout: 300_000 }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start();
    const owned = { name: 'home/guest', mode: 0o700, uid: 1000, gid: 1001 };
    const layers = [busyboxLayer(), [owned, { name: 'home/guest/own', mode: 0o600, uid: 1000, content: 'guest' }]];
    const config = { Env: ['PATH=/bin'], Volumes: { '/home/guest': {}, '/made': {} } };
    const archive = await buildOciArchive({ name: image.image, layers, config });
    await node.cri.importArchive(
      (async function* () {
        for (let at = 0; at < archive.length; at += 1 << 18) yield archive.subarray(at, at + (1 << 18));
      })(),
    );
  });
  after(() => node[Symbol.asyncDispose]());

  const run = (name: string, container: Record<string, unknown>, linux: Record<string, unknown> = {}) => {
    const { cgroup_parent } = sandboxConfig(node, name).linux;
    const security_context = { namespace_options: { userns_options } };
    return runPod(node, name, { image, ...container }, { linux: { cgroup_parent, security_context, ...linux } });
  };
  const execText = async (container_id: string, script: string) => {
    const cmd = ['sh', '-c', `exec 2>&1; ${script}`];
    const { stdout } = await node.cri.runtime.ExecSync({ container_id, cmd, timeout: '10' });
    return Buffer.from(stdout).toString().trim();
  };
  const pidOf = async (container_id: string): Promise<number> => {
    const { info } = await node.cri.runtime.ContainerStatus({ container_id, verbose: true });
    return JSON.parse(info.info!).pid;
  };
  const volume = (name: string) => {
    const dir = join(node.dir, 'volumes', name);
    mkdirSync(dir, { recursive: true });
    return dir;
  };
  const ownerOf = (path: string) => {
    const { uid, gid } = statSync(path);
    return [uid, gid];
  };

  test('the runtime says that it can', async () => {
    const { runtime_handlers } = await node.cri.runtime.Status({});
    assert.ok(runtime_handlers.every(({ features }) => features!.user_namespaces));
    assert.deepEqual(node.findLeftovers(), []);
  });

  test('root inside is nobody on the node, in every process', async () => {
    const { container_id, pod_sandbox_id } = await run('who', { command: sleepForever });
    const map = await execText(container_id, 'id -u; cat /proc/self/uid_map /proc/self/gid_map');
    assert.deepEqual(map.split(/\s+/), ['0', '0', `${firstId}`, '65536', '0', `${firstId}`, '65536']);
    const { info } = await node.cri.runtime.PodSandboxStatus({ pod_sandbox_id, verbose: true });
    const pause = JSON.parse(info.info!).pid as number;
    for (const [pid, uid] of [
      [await pidOf(container_id), firstId],
      [pause, firstId + 65_535],
    ] as const)
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\\t${uid}\\t${uid}\\t`, 'm'));
    const spaceOf = (pid: number, kind: string) => node.run('readlink', `/proc/${pid}/ns/${kind}`);
    for (const kind of ['user', 'net', 'ipc', 'uts'])
      assert.equal(spaceOf(await pidOf(container_id), kind), spaceOf(pause, kind), kind);
  });

  test('the image, its volumes and the files of the sandbox have the owners that they have elsewhere', async () => {
    const volumeOfImage = { container_path: '/image', image, image_sub_path: 'home', readonly: true, ...mapped };
    const { container_id } = await run('files', { command: sleepForever, mounts: [volumeOfImage] });
    assert.equal(
      await execText(container_id, 'stat -c "%u %g" /image/guest; cat /image/guest/own'),
      '1000 1001\nguest',
    );
    const owners = await execText(
      container_id,
      'stat -c "%n %u %g" /bin/busybox /home/guest /home/guest/own /made /etc/*',
    );
    const want = ['/bin/busybox 0 0', '/home/guest 1000 1001', '/home/guest/own 1000 0', '/made 0 0'];
    want.push(...['group', 'hostname', 'hosts', 'passwd', 'resolv.conf'].map((name) => `/etc/${name} 0 0`));
    assert.deepEqual(owners.split('\n').sort(), want.sort());
    const script =
      'set -e; for f in /etc/hosts /home/guest/own /made/new /dev/shm/new /root/new; do echo x >> $f; done';
    assert.equal(await execText(container_id, `${script}; chown guest /root/new; stat -c %U /root/new`), 'guest');
    const upper = join(node.rootDir, 'containers', container_id, 'diff');
    assert.deepEqual(ownerOf(join(upper, 'root/new')), [firstId + 1000, firstId]);
  });

  test('volumes: an id inside is the same id on the disk, in memory and below', async () => {
    const [disk, memory] = [volume('disk'), volume('memory')];
    node.run('mount', '-t', 'tmpfs', '-o', 'mode=0700', 'tmpfs', memory);
    mkdirSync(join(memory, 'below'));
    node.run('sh', '-c', `mkdir ${memory}/below; mount -t tmpfs tmpfs ${memory}/below; echo deep > ${memory}/below/f`);
    writeFileSync(join(disk, 'secret'), 'root only', { mode: 0o600 });
    const file = join(volume('file'), 'log');
    writeFileSync(file, '');
    chmodSync(join(node.dir, 'volumes'), 0o700);
    const mounts = [
      { container_path: '/disk', host_path: disk, ...mapped },
      { container_path: '/memory', host_path: memory, ...mapped },
      { container_path: '/read', host_path: disk, readonly: true, recursive_read_only: true, ...mapped },
      { container_path: '/log', host_path: file, ...mapped },
    ];
    const { container_id, pod_sandbox_id } = await run('volumes', { command: sleepForever, mounts });
    const script =
      'cat /disk/secret /memory/below/f; echo a > /disk/mine; chown 1000:2000 /disk/mine; echo b > /memory/m; ' +
      'echo c >> /log; echo d > /read/no; stat -c "%u" /disk /memory /memory/below /log';
    const said = await execText(container_id, script);
    assert.match(said, /^root onlydeep\n.*Read-only file system\n0\n0\n0\n0$/s);
    assert.deepEqual(ownerOf(join(disk, 'mine')), [1000, 2000]);
    assert.equal(readFileSync(file, 'utf8'), 'c\n');
    assert.equal(node.run('stat', '-c', '%u', `${memory}/m`), '0\n');
    await node.cri.runtime.StopPodSandbox({ pod_sandbox_id });
    await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id });
    // The places of the mounts are gone, and what was mounted there is not.
    assert.equal(readFileSync(join(disk, 'secret'), 'utf8'), 'root only');
    assert.equal(node.run('cat', `${memory}/m`, `${memory}/below/f`), 'b\ndeep\n');
    node.run('umount', `${memory}/below`, memory);
  });

  test('what the node mounts later shows where the container asks for that, the whole node included', async () => {
    const dir = volume('shared');
    mkdirSync(join(dir, 'late'));
    const mounts = [
      { container_path: '/follows', host_path: dir, propagation: 'PROPAGATION_HOST_TO_CONTAINER', ...mapped },
      { container_path: '/stays', host_path: dir, ...mapped },
      { container_path: '/node', host_path: '/', readonly: true, ...mapped },
    ];
    const { container_id } = await run('later', { command: sleepForever, mounts });
    node.run('sh', '-c', `mount -t tmpfs tmpfs ${dir}/late; echo shown > ${dir}/late/f`);
    assert.equal(
      await execText(container_id, 'cat /follows/late/f; ls /stays/late; test -d /node/proc/1; echo $?'),
      'shown\n0',
    );
    await node.cri.runtime.StopContainer({ container_id, timeout: '0' });
    await node.cri.runtime.RemoveContainer({ container_id });
    assert.equal(node.run('cat', `${dir}/late/f`), 'shown\n');
    node.run('umount', `${dir}/late`);
  });

  test("capabilities hold for what is the pod's, and for nothing else", async () => {
    const secret = join(volume('host'), 'secret');
    writeFileSync(secret, 'of the node', { mode: 0o600 });
    const mounts = [{ container_path: '/host', host_path: join(node.dir, 'volumes/host') }];
    const capabilities = { add_capabilities: ['ALL'] };
    const linux = { security_context: { capabilities } };
    const { container_id } = await run('caps', { command: sleepForever, mounts, linux });
    assert.equal(
      await execText(
        container_id,
        'ip link add br0 type bridge && mkdir /tmp/m && mount -t tmpfs t /tmp/m && echo may',
      ),
      'may',
    );
    // Not mapped: it is nobody's here, whatever the root of the pod may.
    assert.match(
      await execText(container_id, 'stat -c %u /host/secret; cat /host/secret; chown 0 /host/secret; ls /host/new'),
      /^65534\n.*secret.*: Permission denied\n.*Operation not permitted/s,
    );
    assert.match(await execText(container_id, 'echo 1 > /proc/sys/vm/swappiness'), /Read-only|Permission denied/);
    assert.match(await execText(container_id, 'mknod /tmp/disk b 254 0'), /Operation not permitted/);
    assert.equal(readFileSync(secret, 'utf8'), 'of the node');
  });

  test('sysctls, users, terminals and privileged containers work as without', async () => {
    const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '80', 'kernel.shm_rmid_forced': '1' };
    const linux = { security_context: { privileged: true } };
    const privileged = await run(
      'privileged',
      { command: sleepForever, tty: true, linux },
      {
        sysctls,
        security_context: { privileged: true, namespace_options: { userns_options } },
      },
    );
    const script =
      'cd /proc/sys; cat net/ipv4/ip_unprivileged_port_start kernel/shm_rmid_forced; test -c /dev/null; echo $?';
    assert.equal(await execText(privileged.container_id, script), '80\n1\n0');
    const security_context = { run_as_username: 'guest', capabilities: { drop_capabilities: ['ALL'] } };
    const guest = await run('guest', {
      command: ['sh', '-c', 'id -u; cat /home/guest/own'],
      linux: { security_context },
    });
    assert.equal((await waitForExit(node, guest.container_id)).exit_code, 0);
    assert.deepEqual(
      readLog(guest.logPath).map((line) => line.slice(line.indexOf('std'))),
      ['stdout F 1000', 'stdout P guest'],
    );
    const outside = { linux: { security_context: { run_as_user: { value: '65536' } } } };
    await assert.rejects(run('outside', outside), /user 65536 is not mapped/);
  });

  test('a killed runtime finds it again', async () => {
    const dir = volume('survivor');
    const mounts = [{ container_path: '/v', host_path: dir, ...mapped }];
    const { container_id } = await run('survivor', { command: sleepForever, mounts });
    await node.stopRuntime('SIGKILL');
    await node.startRuntime();
    assert.equal(await execText(container_id, 'echo 1 > /v/f; stat -c %u /v/f'), '0');
    assert.deepEqual(ownerOf(join(dir, 'f')), [0, 0]);
    await node.cri.runtime.StopContainer({ container_id, timeout: '0' });
    await node.stopRuntime('SIGKILL');
    await node.startRuntime();
    await node.cri.runtime.RemoveContainer({ container_id });
    assert.ok(existsSync(join(dir, 'f')));
  });

  test('killed at any moment, a runtime leaves nothing of a pod, and all of what it mounts', async () => {
    const dir = volume('kept');
    writeFileSync(join(dir, 'data'), 'kept');
    const mounts = [{ container_path: '/v', host_path: dir, ...mapped }];
    for (let round = 0; round < 8; round++) {
      const making = run(`killed-${round}`, { command: sleepForever, mounts });
      making.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      await node.stopRuntime('SIGKILL');
      await making.catch(() => undefined);
      await node.startRuntime();
      const filter = { label_selector: { test: `killed-${round}` } };
      const { items } = await node.cri.runtime.ListPodSandbox({ filter });
      for (const { id } of items) await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id: id });
      assert.equal(readFileSync(join(dir, 'data'), 'utf8'), 'kept');
    }
  });

  test('what cannot be is refused, and leaves nothing', async () => {
    const config = sandboxConfig(node, 'refused');
    const bad = { ...userns_options, uids: [...ids, ...ids] };
    const linux = { ...config.linux, security_context: { namespace_options: { userns_options: bad } } };
    const isInvalid = (err: unknown) => isRpcError(err) && err.code === status.INVALID_ARGUMENT;
    await assert.rejects(node.cri.runtime.RunPodSandbox({ config: { ...config, linux } }), isInvalid);
    // A file system whose ids cannot be mapped, behind one that can.
    const mounts = [volume('good'), '/proc'].map((host_path, i) => ({
      container_path: `/v${i}`,
      host_path,
      ...mapped,
    }));
    const mounted = () => node.findLeftovers().filter((line) => line.includes('/mounts/'));
    const before = mounted();
    const unmapped = run('unmapped', { command: sleepForever, mounts });
    await assert.rejects(unmapped, /failed to set MOUNT_ATTR_IDMAP on \/proc: Invalid argument/);
    assert.deepEqual(mounted(), before);
  });
});

// A place for a runtime in tests: its own mount and network namespaces, a directory and a cgroup
// subtree of its own, all of which are gone afterwards. The runtime can be killed and started again
// in it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../../machinery/clock.ts';
import { type CriClient, connectCri } from '../../../proto/cri-client.ts';
import { buildOciArchive, busyboxLayer } from './image-archive.ts';

const podCidr = '10.244.77.0/24';
export const nodeIp = '172.31.255.77';
export const testImage = 'docker.io/library/k8ts-test:1';

/** Why these tests cannot run here, or undefined. */
export function missingForContainers(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const programs = ['crun', 'conmon', 'catatonit', 'nft', 'socat', 'ip', 'nsenter', 'unshare'];
  const missing = programs.find(
    (p) => !['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((d) => existsSync(`${d}/${p}`)),
  );
  return missing && `needs ${missing}`;
}

/** Why pods cannot have user namespaces here, or undefined: before, no file system in memory maps ids. */
export function missingForUserNamespaces(): string | undefined {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return missingForContainers() ?? (major * 1000 + minor < 6003 ? 'needs Linux 6.3' : undefined);
}

const setUpNamespaces = `
set -e
mount --make-rprivate /
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
mount --bind "$1" "$1"
mount --make-rshared "$1"
if [ "$2" != 0 ]; then mkdir "$1/root"; mount -t tmpfs -o "size=$2m,nr_inodes=$3" root "$1/root"; fi
ip link set lo up
ip addr add ${nodeIp}/32 dev lo
echo ready
exec sleep infinity
`;

export interface TestNodeOptions {
  /** The disk of images and containers is one of its own, of this size and with so many inodes. */
  disk?: { sizeMiB: number; inodes: number };
  /** More flags of the runtime. */
  flags?: string[];
}

export class TestNode implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'k8ts-rt-'));
  readonly cgroupRoot = `/k8ts-test-${randomBytes(4).toString('hex')}`;
  readonly socket = join(this.dir, 'cri.sock');
  readonly #options: TestNodeOptions;
  #holder: ChildProcess;
  #runtime: ChildProcess | undefined;
  #client: CriClient | undefined;
  log = '';

  constructor(holder: (dir: string) => ChildProcess, options: TestNodeOptions = {}) {
    // Root of a user namespace has to get through to what is its own, as on a node.
    chmodSync(this.dir, 0o711);
    this.#holder = holder(this.dir);
    this.#options = options;
  }

  static async start(options: TestNodeOptions = {}): Promise<TestNode> {
    const { sizeMiB, inodes } = options.disk ?? { sizeMiB: 0, inodes: 0 };
    const flags = ['--mount', '--net', '--propagation', 'private'];
    const script = (dir: string) => ['sh', '-c', setUpNamespaces, 'sh', dir, String(sizeMiB), String(inodes)];
    const node = new TestNode(
      (dir) => spawn('unshare', [...flags, ...script(dir)], { stdio: ['ignore', 'pipe', 'inherit'] }),
      options,
    );
    await new Promise((resolve, reject) => {
      node.#holder.stdout!.once('data', resolve);
      node.#holder.once('exit', () => reject(new Error('the namespaces could not be made')));
    });
    try {
      await node.startRuntime();
    } catch (err) {
      await node.tearDown();
      throw err;
    }
    return node;
  }

  get cri(): CriClient {
    return this.#client!;
  }

  /** The runtime's folder of images and containers, also where it is a disk of its own. */
  get rootDir(): string {
    return `/proc/${this.#holder.pid}/root${this.dir}/root`;
  }

  get runtimePid(): number {
    return this.#runtime!.pid!;
  }

  /** The command line that runs something inside the node's namespaces. */
  inside(...command: string[]): [string, string[]] {
    return ['nsenter', [`--target=${this.#holder.pid}`, '--mount', '--net', '--', ...command]];
  }

  run(...command: string[]): string {
    const [program, args] = this.inside(...command);
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A port of ours that leads to a loopback port inside the node's namespaces, until the server is closed. */
  async forward(port: number): Promise<{ port: number; close(): void }> {
    const children = new Set<ChildProcess>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const [program, args] = this.inside(
        'socat',
        '-b',
        '65536',
        '-t',
        '60',
        'STDIN!!STDOUT,shut-close',
        `TCP4:127.0.0.1:${port}`,
      );
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      children.add(child);
      child.once('exit', () => children.delete(child));
      for (const stream of [socket, child.stdin]) stream.on('error', () => undefined);
      socket.pipe(child.stdin);
      child.stdout.pipe(socket);
      socket.once('close', () => child.kill());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      port: (server.address() as AddressInfo).port,
      close: () => {
        server.close();
        for (const child of children) child.kill();
      },
    };
  }

  async startRuntime(): Promise<void> {
    const flags = ['--root', join(this.dir, 'root'), '--state-dir', join(this.dir, 'state'), '--socket', this.socket];
    flags.push(...(this.#options.flags ?? []));
    flags.push('--pod-cidr', podCidr, '--cgroup-root', this.cgroupRoot, '--log-level', 'debug');
    const entry = join(process.env.K8TS_ROOT ?? process.cwd(), 'test/integration/runtime/run-runtime.ts');
    const [program, args] = this.inside(process.execPath, entry, ...flags);
    const runtime = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#runtime = runtime;
    const started = new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        this.log += chunk;
        if (this.log.slice(-4000).includes('runtime started')) resolve();
      };
      runtime.stdout.on('data', read);
      runtime.stderr.on('data', read);
      runtime.once('exit', () => reject(new Error(`the runtime ended: ${this.log}`)));
    });
    await started;
    this.log = '';
    this.#client = connectCri(this.socket);
  }

  /** Ends the runtime with a signal and waits for that. */
  async stopRuntime(signal: NodeJS.Signals): Promise<void> {
    const runtime = this.#runtime!;
    this.#client?.close();
    if (runtime.exitCode !== null || runtime.signalCode !== null) return;
    const ended = new Promise((resolve) => runtime.once('exit', resolve));
    runtime.kill(signal);
    await ended;
  }

  async importTestImage(): Promise<void> {
    const archive = await buildOciArchive({ name: testImage, layers: [busyboxLayer()] });
    const pieces = async function* () {
      for (let at = 0; at < archive.length; at += 1 << 18) yield archive.subarray(at, at + (1 << 18));
    };
    await this.cri.importArchive(pieces());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let leftovers: string[];
    try {
      const { runtime } = this.cri;
      const { items } = await runtime.ListPodSandbox({});
      await Promise.all(items.map((s) => runtime.RemovePodSandbox({ pod_sandbox_id: s.id })));
      leftovers = await this.lastingLeftovers();
    } finally {
      // Also when a pod cannot be removed: what runs would keep the test from ending.
      await this.tearDown();
    }
    if (leftovers.length > 0) throw new Error(`left behind: ${leftovers.join(', ')}`);
  }

  /** What is still there after a while: a conmon ends by itself, once its container has. */
  async lastingLeftovers(timeoutMs = 10_000): Promise<string[]> {
    const deadline = realClock.monotonicMs() + timeoutMs;
    let leftovers = this.findLeftovers();
    while (leftovers.length > 0 && realClock.monotonicMs() < deadline) {
      await realClock.sleep(50);
      leftovers = this.findLeftovers();
    }
    return leftovers;
  }

  async tearDown(): Promise<void> {
    await this.stopRuntime('SIGTERM');
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.kill('SIGKILL');
    await ended;
    removeCgroups(this.cgroupRoot);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** What of pods is still there: mounts, links, routes, ports in the firewall, state files, processes, cgroups. */
  findLeftovers(): string[] {
    const mounts = this.run('cat', '/proc/self/mountinfo')
      .split('\n')
      .filter((l) => l.includes(`${this.dir}/`) && !l.includes(`${this.dir}/root `));
    const links = this.run('ip', '-o', 'link')
      .split('\n')
      .filter((l) => l.includes(' pod'));
    const routes = this.run('ip', 'route')
      .split('\n')
      .filter((l) => l.includes('dev pod'));
    const kept = ['sandboxes', 'containers', 'scratch'].map((name) => join(this.rootDir, name));
    const passing = ['bundles', 'oci', 'execs'].map((name) => join(this.dir, 'state', name));
    const files = [...passing, ...kept].flatMap((dir) =>
      existsSync(dir) ? readdirSync(dir).map((f) => join(dir, f)) : [],
    );
    const ports = this.run('nft', 'list', 'ruleset').match(/elements = \{[^}]*\}/g) ?? [];
    return [
      ...mounts,
      ...links,
      ...routes,
      ...ports,
      ...files,
      ...this.#processes(),
      ...listCgroups(this.cgroupRoot).filter((c) => /[0-9a-f]{64}/.test(c)),
    ];
  }

  /** Processes that were started for a container: their command lines name its bundle. */
  #processes(): string[] {
    const bundles = join(this.dir, 'state');
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && pid !== String(this.#runtime?.pid))
      .map((pid) => `${pid} ${readCommandLine(pid)}`)
      .filter((line) => line.includes(`${bundles}/`) && !line.includes('run-runtime'));
  }
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended
  }
}

const cgroupMount = '/sys/fs/cgroup';

function listCgroups(root: string): string[] {
  const found: string[] = [];
  const walk = (dir: string) => {
    for (const e of readdirSync(dir, { withFileTypes: true })) if (e.isDirectory()) walk(join(dir, e.name));
    found.push(dir);
  };
  const hierarchies = existsSync(join(cgroupMount, 'cgroup.controllers')) ? [''] : readdirSync(cgroupMount);
  for (const h of hierarchies) {
    const dir = join(cgroupMount, h, root);
    if (existsSync(dir) && statSync(dir).isDirectory()) walk(dir);
  }
  return found;
}

function removeCgroups(root: string): void {
  for (const dir of listCgroups(root)) rmdirSync(dir);
}

let nextUid = 1;

/** A sandbox's config with a fresh uid. */
export function sandboxConfig(node: TestNode, name: string) {
  const uid = `00000000-0000-4000-8000-${String(nextUid++).padStart(12, '0')}`;
  return {
    metadata: { name, namespace: 'default', uid: uid.split('-').reverse().join('-'), attempt: 0 },
    hostname: name,
    log_directory: join(node.dir, 'logs', name),
    labels: { test: name },
    linux: { cgroup_parent: `/kubepods/pod-${name}` },
  };
}

/** Runs a sandbox with one started container; answers both ids. */
export async function runPod(
  node: TestNode,
  name: string,
  container: Record<string, unknown>,
  sandbox: Record<string, unknown> = {},
) {
  const { runtime } = node.cri;
  const config = { ...sandboxConfig(node, name), ...sandbox };
  const { pod_sandbox_id } = await runtime.RunPodSandbox({ config });
  const { container_id } = await runtime.CreateContainer({
    pod_sandbox_id,
    sandbox_config: config,
    config: {
      metadata: { name: 'main', attempt: 0 },
      image: { image: testImage },
      log_path: 'main/0.log',
      ...container,
    },
  });
  await runtime.StartContainer({ container_id });
  return { pod_sandbox_id, container_id, logPath: join(config.log_directory, 'main/0.log') };
}

/** Waits until a container has exited, by its events. */
export async function waitForExit(node: TestNode, containerId: string) {
  const stop = new AbortController();
  const events = node.cri.runtime.GetContainerEvents({}, { signal: stop.signal })[Symbol.asyncIterator]();
  let next = events.next();
  try {
    for (;;) {
      const { status } = await node.cri.runtime.ContainerStatus({ container_id: containerId });
      if (status!.state === 'CONTAINER_EXITED') return status!;
      // The subscription may begin after the exit: look again after a while even without an event.
      await Promise.race([next.then(() => undefined), new Promise((resolve) => setTimeout(resolve, 200))]);
      next = events.next();
    }
  } finally {
    next.catch(() => undefined);
    stop.abort();
  }
}

export const readLog = (path: string) => readFileSync(path, 'utf8').trim().split('\n');

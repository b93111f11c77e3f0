// `k8ts runtime`: the container runtime of a node, a server of the container runtime interface (CRI) over conmon and
// crun. Runs in the node's own mount and network namespaces. Upstream counterpart: containerd's CRI plugin.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { arch, hostname } from 'node:os';
import { join } from 'node:path';
import { removeTreeSync } from '../../host/remove-tree.ts';
import { goArchitecture } from '../../machinery/architecture.ts';
import { type ComponentContext, runComponent } from '../../machinery/component.ts';
import { type Flags, type FlagTable, flag } from '../../machinery/flags.ts';
import { KeyedLock } from '../../machinery/keyed-lock.ts';
import { detectCgroups } from './cgroup.ts';
import { ImageStore } from './image/image-store.ts';
import { LayerStore } from './image/layer-store.ts';
import { createPuller, removeStaleParts } from './image/pull.ts';
import { watchExits } from './lifecycle/exit-watch.ts';
import { loadRecords, recover } from './lifecycle/recover.ts';
import { findUserNamespaceProblem } from './lifecycle/user-namespaces.ts';
import { NodeNetwork } from './network/node-network.ts';
import { createOciRuntime, findProgram } from './process/oci-runtime.ts';
import type { Runtime } from './runtime.ts';
import { serveCri } from './server.ts';
import { parseProfileNames } from './spec/apparmor.ts';
import { parseCapabilityMask } from './spec/capability.ts';
import type { NodeFacts } from './spec/container.ts';
import { RecordStore } from './store/checkpoint.ts';
import { EventHub } from './store/event-hub.ts';
import { createStreamServer } from './stream/server.ts';

const flagTable = {
  root: flag.string('Persistent directory: images, containers, sandboxes.', { required: true }),
  'state-dir': flag.string('Directory of sockets, bundles and exit files; may be lost at a reboot.', {
    required: true,
  }),
  socket: flag.string('Unix socket to serve the interface on.', { required: true }),
  'stream-address': flag.string('Address of the exec, attach and port-forward server.', { default: '127.0.0.1' }),
  'stream-idle-timeout': flag.number(
    'Seconds after which a session of exec, attach or port-forward on which nothing moves is ended.',
    { default: 4 * 3600 },
  ),
  'pod-cidr': flag.string("The node's range of pod addresses; else the kubelet tells it.", { default: '' }),
  'non-masquerade-cidrs': flag.list('Ranges that pods reach with their own address.', { default: [] }),
  'cgroup-root': flag.string('Subtree of the cgroup hierarchies to work in.', { default: '/' }),
  'oci-runtime': flag.string('Name or path of the OCI runtime; by default crun, else runc.', { default: '' }),
  'pause-binary': flag.string('Static program that holds the namespaces of a pod.', { default: 'catatonit' }),
  'image-pull-progress-timeout': flag.number(
    'Seconds after which a pull is given up when the registry sends nothing; 0 for never.',
    { default: 300 },
  ),
  'registry-mirrors': flag.list('host=url pairs: addresses to ask before a registry itself.', { default: [] }),
} as const satisfies FlagTable;

/** A pull that was cut off goes on where it was, if it comes back within this time. */
const maxPartAgeMs = 24 * 3_600_000;

type RuntimeFlags = Flags<typeof flagTable>;

/** Runs the runtime until it is told to end. Containers go on without it. */
export function main(argv: string[]): Promise<void> {
  return runComponent(
    process,
    { name: 'runtime', summary: 'The container runtime of a node.', flags: flagTable, start },
    argv,
  );
}

async function start(flags: RuntimeFlags, context: ComponentContext) {
  const rt = await buildRuntime(flags, context);
  loadRecords(rt);
  if (flags['pod-cidr']) await rt.network.setUp(flags['pod-cidr']);
  await recover(rt);
  const stopWatching = watchExits(rt);
  const server = await serveCri(rt, flags.socket);
  return {
    notReady: () => null,
    async stop() {
      stopWatching();
      server.forceShutdown();
      await rt.streams.close();
      rmSync(flags.socket, { force: true });
    },
  };
}

async function buildRuntime(flags: RuntimeFlags, { clock, log }: ComponentContext): Promise<Runtime> {
  const { root } = flags;
  mkdirSync(flags['state-dir'], { recursive: true, mode: 0o711 });
  // As the table of mounts names it.
  const state = realpathSync(flags['state-dir']);
  const paths = {
    root,
    state,
    exitDir: join(state, 'exits'),
    pauseRoot: join(root, 'pause'),
    scratchDir: join(root, 'scratch'),
  };
  mkdirSync(root, { recursive: true, mode: 0o711 });
  for (const dir of [paths.exitDir, join(state, 'bundles')]) mkdirSync(dir, { recursive: true, mode: 0o711 });
  // Scratch space and files of execs belong to a run that is over.
  for (const dir of [paths.scratchDir, join(state, 'execs')]) removeTreeSync(dir);
  removeStaleParts(join(root, 'ingest'), clock.now() - maxPartAgeMs);
  installPause(flags['pause-binary'], paths.pauseRoot);
  const cgroups = detectCgroups(flags['cgroup-root']);
  const oci = createOciRuntime(requireOciRuntime(flags['oci-runtime']), join(state, 'oci'));
  const architecture = goArchitecture(arch());
  const images = new ImageStore(join(root, 'images'), new LayerStore(join(root, 'layers')));
  const progress = { clock, timeoutMs: flags['image-pull-progress-timeout'] * 1000 };
  const mirrors = parseMirrors(flags['registry-mirrors']);
  let userNamespaceProblem: Promise<string | undefined> | undefined;
  const rt: Omit<Runtime, 'streams'> = {
    paths,
    clock,
    log,
    node: readNodeFacts(cgroups.facts),
    architecture,
    nodeArch: arch(),
    nodeHostname: hostname(),
    sandboxes: new RecordStore(join(root, 'sandboxes')),
    containers: new RecordStore(join(root, 'containers')),
    images,
    puller: createPuller({ images, ingestDir: join(root, 'ingest'), architecture, mirrors, progress }),
    oci,
    cgroups,
    network: new NodeNetwork({ nonMasqueradeCidrs: flags['non-masquerade-cidrs'], nodePid: process.pid, log }),
    events: new EventHub(),
    locks: new KeyedLock(),
    userNamespaceProblem: () => (userNamespaceProblem ??= findUserNamespaceProblem(runtime)),
  };
  const streamOptions = {
    address: flags['stream-address'],
    idleTimeoutMs: flags['stream-idle-timeout'] * 1000,
  };
  const runtime: Runtime = { ...rt, streams: await createStreamServer(rt, streamOptions) };
  return runtime;
}

function requireOciRuntime(wanted: string): string {
  const names = wanted ? [wanted] : ['crun', 'runc'];
  const found = names.map(findProgram).find((path) => path !== null);
  if (!found) throw new Error(`no OCI runtime: neither of ${names.join(', ')} is installed`);
  return found;
}

/** Makes the root of the pause process: the program and the mount points of its file systems, nothing else. */
function installPause(program: string, pauseRoot: string): void {
  const path = findProgram(program);
  if (!path) throw new Error(`the pause program "${program}" is not installed`);
  for (const dir of ['proc', 'dev', 'sys']) mkdirSync(join(pauseRoot, dir), { recursive: true, mode: 0o755 });
  const target = join(pauseRoot, 'pause');
  // Running pods execute it, so it is never written in place.
  if (existsSync(target) && readFileSync(target).equals(readFileSync(path))) return;
  rmSync(target, { force: true });
  copyFileSync(path, target);
  chmodSync(target, 0o755);
}

function parseMirrors(pairs: readonly string[]): Map<string, string[]> {
  const mirrors = new Map<string, string[]>();
  for (const pair of pairs) {
    const [host, url] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    if (!host || !URL.canParse(url)) throw new Error(`"${pair}" is not host=url`);
    mirrors.getOrInsert(host, []).push(url.replace(/\/+$/, ''));
  }
  return mirrors;
}

/** What we may give to containers: our own capabilities, and no oom_score_adj below ours without CAP_SYS_RESOURCE. */
function readNodeFacts(cgroups: NodeFacts['cgroups']): NodeFacts {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
  const capabilities = parseCapabilityMask(mask);
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  const minOomScoreAdj = capabilities.includes('CAP_SYS_RESOURCE') ? -1000 : own;
  return { cgroups, capabilities, minOomScoreAdj, appArmor: readAppArmor() };
}

/** Profiles come and go with their owners on the machine: each is looked up when it is asked for. */
function readAppArmor(): NodeFacts['appArmor'] {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const isLoaded = (name: string) => parseProfileNames(read('/sys/kernel/security/apparmor/profiles')).has(name);
  return { isEnabled: read('/sys/module/apparmor/parameters/enabled').startsWith('Y'), isLoaded };
}

// `k8ts up`, `k8ts create cluster`: brings a cluster up, or back to health. Every step finds out what is there and does
// the rest, so a second run, or a run after a crash at any point, ends in the same state.
import { basename, dirname, resolve } from 'node:path';
import { realClock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import { loadCluster, registerCluster } from '../cluster-store.ts';
import { commandName, isCheckout } from '../command-name.ts';
import { umaskForPods } from '../components.ts';
import { checkConfig } from '../config/check.ts';
import type { ClusterConfig } from '../config/cluster-config.ts';
import { readConfigFile } from '../config/read.ts';
import { loadAppArmorProfile } from '../host/apparmor.ts';
import { readCaller } from '../host/caller.ts';
import { openCgroupRoot } from '../host/cgroup-root.ts';
import { groupExists, makeGroup, readCgroups } from '../host/cgroups.ts';
import { restrictDevices } from '../host/devices.ts';
import { makePrivate, writeFileAtomic } from '../host/files.ts';
import { ensureInotifyLimits } from '../host/inotify.ts';
import { machineLock, withLock } from '../host/lock.ts';
import { isRunByService, tellService } from '../host/service.ts';
import { kubeconfigFiles } from '../kubeconfig.ts';
import { type ClusterSpec, defaultRoots, type Layout, layoutOf } from '../layout.ts';
import { createProgress } from '../progress.ts';
import { clusterInfoStep } from '../steps/cluster-info.ts';
import { keepOnlyUnits, type UpContext } from '../steps/context.ts';
import { apiserverStep, controllersStep } from '../steps/control-plane.ts';
import { credentialsStep } from '../steps/credentials.ts';
import { etcdStep } from '../steps/etcd.ts';
import { firewallStep, reachabilityStep } from '../steps/firewall.ts';
import { endHungUnits } from '../steps/hung-units.ts';
import { networkStep } from '../steps/network.ts';
import { dnsStep, nodeReadyStep } from '../steps/node-agents.ts';
import { nodeJoiningStep } from '../steps/node-joining.ts';
import { nodesStep } from '../steps/nodes.ts';
import {
  requireDiskSpace,
  requireFreePorts,
  requirePrograms,
  requireRoot,
  requireStacking,
} from '../steps/prerequisites.ts';
import { runSteps } from '../steps/run-steps.ts';
import { simulatedNodesStep } from '../steps/simulated-nodes.ts';
import { storageStep } from '../steps/storage.ts';
import { userAccessStep } from '../steps/user-access.ts';
import { endUnfitSupervisor, ensureSupervisor, findSupervisor } from '../supervisor/control.ts';
import { readLimits } from '../supervisor/liveness.ts';
import { findUnit, readPlan, type UnitPlan, writePlan } from '../supervisor/plan.ts';
import { teardown } from '../teardown.ts';
import {
  apiServerNames,
  controlPlaneUnits,
  nodeUnits,
  type Program,
  type UnitContext,
  writesAuditLog,
} from '../units.ts';
import { UserError } from '../user-error.ts';

export interface UpOptions {
  name: string;
  /** The name was given, not taken for want of one: it counts more than that of the configuration. */
  isNamed: boolean;
  /** A file that says more. */
  config?: string;
  kubeconfig?: string;
  apiPort?: number;
  podSubnet?: string;
  serviceSubnet?: string;
  simulatedNodes?: number;
  apiServers?: number;
  egress: boolean;
  /** Milliseconds. */
  wait: number;
  retain?: boolean;
}

const lockWaitMs = 60_000;

const steps = [
  credentialsStep,
  networkStep,
  firewallStep,
  etcdStep,
  nodesStep,
  apiserverStep,
  controllersStep,
  reachabilityStep,
  nodeReadyStep,
  dnsStep,
  nodeJoiningStep,
  clusterInfoStep,
  storageStep,
  userAccessStep,
];

/** A cluster without simulated nodes says nothing of them. */
const stepsOf = ({ spec }: Layout) => (spec.simulatedNodes ? [...steps, simulatedNodesStep] : steps);

export async function up(options: UpOptions, program: Program): Promise<void> {
  requireRoot(process.getuid?.());
  requirePrograms();
  process.umask(umaskForPods);
  readLimits(process.env); // refused before anything is made
  const { config: file, ...flags } = options;
  const wanted = file === undefined ? flags : withConfig(flags, readConfigFile(file, process.cwd()));
  await withLock(`cluster ${wanted.name}`, 100, () => upLocked(wanted, program));
  await tellService(wanted.name, 'start', process.env);
}

type WantedOptions = Omit<UpOptions, 'config'> & { config?: ClusterConfig };

/** Flags of the command count more than the file, as with kind. */
function withConfig(options: Omit<UpOptions, 'config'>, config: ClusterConfig): WantedOptions {
  const { name, apiPort, podSubnet, serviceSubnet, ...rest } = config;
  return {
    ...options,
    name: options.isNamed ? options.name : (name ?? options.name),
    apiPort: options.apiPort ?? apiPort,
    podSubnet: options.podSubnet ?? podSubnet,
    serviceSubnet: options.serviceSubnet ?? serviceSubnet,
    config: rest,
  };
}

async function upLocked(options: WantedOptions, program: Program): Promise<void> {
  const startedMs = realClock.monotonicMs();
  const known = loadCluster(options.name, defaultRoots);
  if (known) refuseChanges(known, options);
  const trees = readCgroups(); // refused before anything is made
  const layout = await layoutFor(known, options, program);
  const context = makeContext({ layout, program, trees }, options);
  const processesBefore = runningUnits(context);
  const before = { state: known !== undefined, running: processesBefore.length > 0 };
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort(new UserError('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  const progress = createProgress(process.stdout, realClock);
  const doing = known ? `Starting cluster ${layout.name}` : `Creating cluster ${layout.name}`;
  progress.say(before.running ? `Cluster ${layout.name} exists; looking after it` : doing);
  try {
    if (!before.running) await requireFreePorts(layout);
    requireDiskSpace(layout);
    makePrivate(layout.roots.state, layout.stateDir, layout.roots.run, layout.runDir);
    if (!before.running) await requireStacking(layout);
    await withLock(machineLock, lockWaitMs, async () => {
      ensureInotifyLimits(layout.inotifyFile, (line) => progress.say(line));
      await loadAppArmorProfile((line) => progress.say(line));
      openCgroupRoot(context.trees, layout.cgroupRootFile);
      await makeClusterGroup(context);
    });
    const patienceMs = Math.min(readLimits(process.env).timeoutMs, options.wait);
    await endUnfitSupervisor(context, patienceMs);
    await endHungUnits(context, { patienceMs, say: progress.say });
    writePlan(layout.planFile, context.plan);
    await ensureSupervisor(context);
    await runSteps(stepsOf(layout), context, { progress, signal: interrupt.signal });
    keepOnlyUnits(
      context,
      allUnits(context).map((unit) => unit.name),
    );
  } catch (err) {
    progress.close();
    if (!before.running && options.retain !== true) await rollBack(context, before.state, err);
    throw err;
  } finally {
    progress.close();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, onSignal);
  }
  const unchanged = before.running && sameProcesses(processesBefore, runningUnits(context));
  printOutcome(context, { unchanged, seconds: (realClock.monotonicMs() - startedMs) / 1000 });
}

function wantedSpec(options: WantedOptions): Omit<ClusterSpec, 'slot'> {
  const { name, apiPort, podSubnet, serviceSubnet, simulatedNodes, apiServers, egress, config } = options;
  return { name, egress, apiPort, podSubnet, serviceSubnet, simulatedNodes, apiServers, ...(config ? { config } : {}) };
}

/** The cluster as it is to be, remembered as that; nothing is changed before its configuration has been tried. */
async function layoutFor(known: Layout | undefined, options: WantedOptions, program: Program): Promise<Layout> {
  const wanted = wantedSpec(options);
  const config = options.config ?? known?.spec.config;
  const planned = known ? layoutOf({ ...known.spec, ...(config ? { config } : {}) }) : plannedLayout(wanted);
  if ((planned.spec.apiServers ?? 1) > 1 && writesAuditLog(planned)) {
    throw new UserError('several API servers cannot write one audit log', { hint: 'Leave out --api-servers.' });
  }
  if (config) await checkConfig(config, planned, program);
  if (!known) return registerCluster(wanted, defaultRoots);
  if (options.config) writeFileAtomic(known.specFile, `${JSON.stringify(planned.spec, null, 2)}\n`);
  return planned;
}

/** A malformed range shows here, before anything is chosen or written. */
function plannedLayout(wanted: Omit<ClusterSpec, 'slot'>): Layout {
  try {
    return layoutOf({ ...wanted, slot: 0 });
  } catch (err) {
    throw new UserError(messageOf(err), {
      hint: 'Ranges look like 10.244.0.0/16, with at least 256 addresses for pods.',
    });
  }
}

/** What a cluster was created with stays; asking for something else is a misunderstanding to be told. */
function refuseChanges(known: Layout, options: WantedOptions): void {
  const wanted = wantedSpec(options);
  const refuse = (what: string) =>
    new UserError(`cluster ${known.name} exists with ${what}`, {
      hint: `Remove it first (${commandName} down --name ${known.name}), or create one under another name.`,
    });
  // How many API servers there are may never have been said.
  const has = { ...known.spec, apiServers: apiServerNames(known).length };
  for (const key of ['apiPort', 'podSubnet', 'serviceSubnet', 'simulatedNodes', 'apiServers'] as const) {
    if (wanted[key] === undefined || wanted[key] === has[key]) continue;
    throw refuse(`another --${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  }
  const mounts = (spec: Pick<ClusterSpec, 'config'>) => JSON.stringify(spec.config?.nodeMounts ?? []);
  if (wanted.config && mounts(wanted) !== mounts(known.spec)) throw refuse('other extraMounts of its node');
}

function makeContext({ layout, program, trees }: UnitContext, options: WantedOptions): UpContext {
  // The checkout, or the packages that an installed one lies among; and the folder of the node binary.
  const root = resolve(dirname(program.bundle), '../..');
  const packages = basename(dirname(root)) === 'node_modules' ? dirname(root) : root;
  return {
    layout,
    program,
    trees,
    programPaths: [packages, dirname(program.node)],
    clock: realClock,
    plan: readPlan(layout.planFile) ?? { units: [] },
    kubeconfigFiles: kubeconfigFiles(options.kubeconfig, process.env, readCaller(process.env, process.getuid?.())),
    isService: isRunByService(process.env),
    waitMs: options.wait,
  };
}

function allUnits(context: UpContext): UnitPlan[] {
  return [...controlPlaneUnits(context), ...context.layout.nodes.flatMap((node) => nodeUnits(context, node))];
}

async function makeClusterGroup({ layout, trees }: UpContext): Promise<void> {
  makeGroup(trees, layout.cgroup);
  if (!groupExists(trees, layout.controlPlaneCgroup)) {
    await restrictDevices(trees, layout.cgroup);
  }
  makeGroup(trees, layout.controlPlaneCgroup);
}

/** The pids of what runs of a cluster, its supervisor included. */
function runningUnits(context: UpContext): number[] {
  const refs = [findSupervisor(context), ...allUnits(context).map(findUnit)];
  return refs.flatMap((ref) => (ref ? [ref.pid] : []));
}

function sameProcesses(before: number[], after: number[]): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

async function rollBack(context: UpContext, stateWasThere: boolean, cause: unknown): Promise<void> {
  try {
    await teardown(context, { keepData: stateWasThere });
  } catch (err) {
    throw new UserError(`up failed: ${messageOf(cause)}`, {
      hint: [
        ...(cause instanceof UserError && cause.hint !== undefined ? [cause.hint] : []),
        `Removing what it had made failed as well: ${messageOf(err)}`,
        `${commandName} down --name ${context.layout.name} removes it.`,
      ].join('\n'),
      cause: new AggregateError([cause, err]),
    });
  }
}

function printOutcome(context: UpContext, { unchanged, seconds }: { unchanged: boolean; seconds: number }): void {
  const { layout } = context;
  const name = layout.name === 'k8ts' ? '' : ` --name ${layout.name}`;
  const lines = [
    unchanged
      ? `All is well: cluster ${layout.name} runs (checked in ${seconds.toFixed(1)} s)`
      : `Cluster ${layout.name} is up (${seconds.toFixed(1)} s)`,
    '',
    'What next:',
    '  kubectl get nodes',
    ...(isCheckout
      ? [
          `  ${commandName} load image-archive${name} $(npm run -s images)   # images of the examples: made here, pulled from nowhere`,
          '  kubectl create -f examples/nginx-deployment.yaml',
        ]
      : ['  kubectl create deployment nginx --image=nginx']),
    `  ${commandName} status${name}`,
    `  ${commandName} down${name}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

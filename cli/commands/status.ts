// `k8ts status`: what runs, since when, its pid and log, and what is wrong. Exit code 1 when something is.
import { messageOf } from '../../machinery/errors.ts';
import { listNodes, probeReadyz, whyNotReady } from '../api-request.ts';
import { loadCluster } from '../cluster-store.ts';
import { commandName } from '../command-name.ts';
import { readCgroups } from '../host/cgroups.ts';
import { closedFirewalls } from '../host/firewall.ts';
import { type ProcessRef, startedAtMs } from '../host/processes.ts';
import { probeFromNode } from '../host/reachability.ts';
import { defaultRoots, type Layout, unitFiles } from '../layout.ts';
import { isFull } from '../steps/context.ts';
import { cannotReach } from '../steps/firewall.ts';
import { findSupervisor, probeSupervisor } from '../supervisor/control.ts';
import { type LivenessFailure, probeUnit } from '../supervisor/liveness.ts';
import { findUnit, readProcesses } from '../supervisor/plan.ts';
import { controlPlaneUnits, nodeUnits, type Program, type UnitContext } from '../units.ts';
import { UserError } from '../user-error.ts';

export interface ComponentStatus {
  name: string;
  state: string;
  pid: number | null;
  since: string | null;
  restarts: number;
  log: string;
}

export interface ClusterStatus {
  name: string;
  ready: boolean;
  server: string;
  context: string;
  components: ComponentStatus[];
  problems: string[];
}

const probeTimeoutMs = 5_000;

export async function status(options: { name: string; output?: 'json' }, program: Program): Promise<void> {
  const layout = loadCluster(options.name, defaultRoots);
  if (!layout) throw new UserError(`there is no cluster ${options.name}`, { hint: `${commandName} up makes one.` });
  const report = await readStatus(layout, program);
  process.stdout.write(options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : renderStatus(report));
  if (!report.ready) process.exitCode = 1;
}

async function readStatus(layout: Layout, program: Program): Promise<ClusterStatus> {
  const noted = readProcesses(layout.processesFile)?.units ?? [];
  const context = { layout, program, trees: readCgroups() };
  const units = [...controlPlaneUnits(context), ...layout.nodes.flatMap((node) => nodeUnits(context, node))];
  const problems: string[] = [];
  const components: ComponentStatus[] = [];
  const add = (name: string, ref: ProcessRef | undefined, failure: LivenessFailure | undefined) => {
    const note = noted.find((state) => state.name === name);
    const running = failure ? (failure.silent ? 'not answering' : 'not healthy') : 'running';
    components.push({
      name,
      state: ref ? running : (note?.state ?? 'stopped').replace('running', 'stopped'),
      pid: ref?.pid ?? null,
      since: ref ? new Date(startedAtMs(ref)).toISOString() : null,
      restarts: note?.restarts ?? 0,
      log: unitFiles(layout, name).logFile,
    });
    const last = note?.lastExit === undefined ? '' : `; it ended last time with: ${note.lastExit}`;
    if (!ref) problems.push(`${name} does not run${last}`);
    else if (failure) problems.push(`${name} ${failure.reason}`);
  };
  const supervisor = findSupervisor(context);
  const refs = units.map(findUnit);
  const [ofSupervisor, ...ofUnits] = await Promise.all([
    supervisor && probeSupervisor(layout, supervisor, probeTimeoutMs),
    ...units.map((unit, i) => refs[i] && probeUnit(unit, refs[i], probeTimeoutMs)),
  ]);
  add('supervisor', supervisor, ofSupervisor);
  for (const [i, { name }] of units.entries()) add(name, refs[i], ofUnits[i]);
  if (isFull(layout.stateDir)) problems.push(`no space left on the disk that holds ${layout.stateDir}`);
  problems.push(...(await probeCluster(context)));
  return {
    name: layout.name,
    ready: problems.length === 0,
    server: layout.apiUrl,
    context: layout.contextName,
    components,
    problems,
  };
}

async function probeCluster(context: UnitContext): Promise<string[]> {
  const { layout } = context;
  const signal = AbortSignal.timeout(probeTimeoutMs);
  try {
    const missing = await probeReadyz(layout, signal);
    if (missing !== undefined) return [`the API server is not ready: ${missing}`];
    const nodes = await listNodes(layout, signal);
    const notReady = layout.nodes.flatMap(({ name }) => {
      const node = nodes.find((candidate) => candidate.metadata.name === name);
      const reason = node ? whyNotReady(node) : 'it has not registered';
      return reason === undefined ? [] : [`node ${name} is not ready: ${reason}`];
    });
    return [...notReady, ...(await probeNetwork(context))];
  } catch (err) {
    return [`the API server does not answer at ${layout.apiUrl}: ${messageOf(err)}`];
  }
}

/** What a firewall of the host is in the way of: it may have been switched on since. */
async function probeNetwork(context: UnitContext): Promise<string[]> {
  const { layout } = context;
  const closed = await closedFirewalls(layout);
  const places = (hook: 'input' | 'forward') => closed.filter((one) => one.hook === hook).map(({ place }) => place);
  const problems = places('forward').map((place) => `pods may not get out: ${place} has not the cluster's rules`);
  for (const node of layout.nodes) {
    const first = findUnit(nodeUnits(context, node)[0]!);
    const failure = first && (await probeFromNode(layout, first.pid, probeTimeoutMs));
    if (failure === undefined) continue;
    const culprits = places('input').map((place) => `${place} has not the cluster's rules`);
    problems.push([cannotReach(layout, node.name, failure), ...culprits].join('; '));
  }
  return problems;
}

function renderStatus(report: ClusterStatus): string {
  const rows = [
    ['COMPONENT', 'STATE', 'PID', 'SINCE', 'RESTARTS', 'LOG'],
    ...report.components.map((c) => [c.name, c.state, String(c.pid ?? '-'), c.since ?? '-', String(c.restarts), c.log]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const verdict = report.ready
    ? ['All is well.']
    : [
        'Wrong:',
        ...report.problems.map((problem) => `  ${problem}`),
        `Run '${commandName} up' to bring it back to health.`,
      ];
  return `${[`Cluster ${report.name} at ${report.server}`, ...table, ...verdict].join('\n')}\n`;
}

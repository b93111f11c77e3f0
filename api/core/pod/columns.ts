// What `kubectl get pods` shows. The Status column is not the phase: it tells the most telling
// thing about the containers. Upstream: printPod in pkg/printers/internalversion.
import { isTrue } from '../../../machinery/conditions.ts';
import { formatAge } from '../../../machinery/duration.ts';
import { type Column, column, wideColumn } from '../../../machinery/kind.ts';
import { ageColumn, orNone } from '../../meta/columns.ts';
import type { Pod } from '../pod.ts';
import type { ContainerStatus } from './container-status.ts';
import { isSidecar } from './resource-totals.ts';

interface PodSummary {
  ready: number;
  total: number;
  status: string;
  restarts: number;
  lastRestart: string | undefined;
}

/** Ready count, status word and restarts of a pod, as people see them. */
export function summarizePod(pod: Pod): PodSummary {
  const initContainers = pod.spec.initContainers ?? [];
  const sidecars = new Set(initContainers.filter(isSidecar).map((c) => c.name));
  const init = summarizeInit(pod, sidecars);
  const summary: PodSummary = {
    ready: init.readySidecars,
    total: (pod.spec.containers?.length ?? 0) + sidecars.size,
    status: init.status ?? initialStatus(pod),
    restarts: init.restarts.count,
    lastRestart: init.restarts.last,
  };
  if (init.status === undefined || isTrue(pod.status?.conditions, 'Initialized'))
    addContainers(pod, summary, init.sidecarRestarts);
  if (pod.metadata.deletionTimestamp) {
    if (pod.status?.reason === 'NodeLost') summary.status = 'Unknown';
    else if (!isFinished(pod)) summary.status = 'Terminating';
  }
  return summary;
}

/** Whether all containers have ended for good. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function initialStatus(pod: Pod): string {
  const gated = pod.status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
  if (gated) return 'SchedulingGated';
  return pod.status?.reason || pod.status?.phase || '';
}

/** How often, and when last. */
class Restarts {
  count = 0;
  last: string | undefined;

  add(status: ContainerStatus): void {
    this.count += status.restartCount;
    const ended = status.lastState?.terminated?.finishedAt;
    if (ended && (!this.last || ended > this.last)) this.last = ended;
  }
}

function summarizeInit(pod: Pod, sidecars: ReadonlySet<string>) {
  const restarts = new Restarts();
  const sidecarRestarts = new Restarts();
  let readySidecars = 0;
  for (const [i, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    restarts.add(container);
    const isSidecarStatus = sidecars.has(container.name);
    if (isSidecarStatus) sidecarRestarts.add(container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecarStatus && container.started) {
      if (container.ready) readySidecars++;
      continue;
    }
    let status = `Init:${i}/${pod.spec.initContainers?.length ?? 0}`;
    if (terminated) status = `Init:${endReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') status = `Init:${waiting.reason}`;
    return { status, restarts, sidecarRestarts, readySidecars };
  }
  return { status: undefined, restarts, sidecarRestarts, readySidecars };
}

function endReason(terminated: { reason?: string; signal?: number; exitCode: number }): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

// The first container with something to tell decides; the loop runs backwards so that it has the last word.
function addContainers(pod: Pod, summary: PodSummary, restarts: Restarts): void {
  let hasRunning = false;
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    restarts.add(container);
    const { running, terminated, waiting } = container.state ?? {};
    if (waiting?.reason) summary.status = waiting.reason;
    else if (terminated) summary.status = endReason(terminated);
    else if (container.ready && running) {
      hasRunning = true;
      summary.ready++;
    }
  }
  summary.restarts = restarts.count;
  summary.lastRestart = restarts.last;
  if (summary.status !== 'Completed' || !hasRunning) return;
  summary.status = isTrue(pod.status?.conditions, 'Ready') ? 'Running' : 'NotReady';
}

function showRestarts(pod: Pod, nowMs: number): string {
  const { restarts, lastRestart } = summarizePod(pod);
  return restarts > 0 && lastRestart ? `${restarts} (${formatAge(lastRestart, nowMs)} ago)` : `${restarts}`;
}

function showReadinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const passed = gates.filter((gate) => isTrue(pod.status?.conditions, gate.conditionType));
  return `${passed.length}/${gates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  column('Ready', 'string', 'The aggregate readiness state of this pod for accepting traffic.', (pod) => {
    const { ready, total } = summarizePod(pod);
    return `${ready}/${total}`;
  }),
  column('Status', 'string', 'Where the pod stands, in one word.', (pod) => summarizePod(pod).status),
  column('Restarts', 'string', 'Restarts of all containers together, and the age of the last one.', (pod, { nowMs }) =>
    showRestarts(pod, nowMs),
  ),
  ageColumn,
  wideColumn('IP', 'string', 'Address of the pod.', (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP)),
  wideColumn('Node', 'string', 'Node that runs the pod.', (pod) => orNone(pod.spec.nodeName)),
  wideColumn('Nominated Node', 'string', 'Node on which room is being made for the pod.', (pod) =>
    orNone(pod.status?.nominatedNodeName),
  ),
  wideColumn('Readiness Gates', 'string', 'How many of the readiness gates are open.', showReadinessGates),
];

// What `kubectl get pods` shows. The Status column is not the phase: it tells the most telling thing about the containers.
// Upstream: printPod in pkg/printers/internalversion.
import { formatAge } from '../../../machinery/duration.ts';
import type { Column } from '../../../machinery/kind.ts';
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
  const initialized = pod.status?.conditions?.some((c) => c.type === 'Initialized' && c.status === 'True');
  if (init.status === undefined || initialized) addContainers(pod, summary, init.sidecarRestarts);
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
  const isReady = pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
  summary.status = isReady ? 'Running' : 'NotReady';
}

function showRestarts(pod: Pod, nowMs: number): string {
  const { restarts, lastRestart } = summarizePod(pod);
  return restarts > 0 && lastRestart ? `${restarts} (${formatAge(lastRestart, nowMs)} ago)` : `${restarts}`;
}

function showReadinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const passed = gates.filter((gate) =>
    pod.status?.conditions?.some((c) => c.type === gate.conditionType && c.status === 'True'),
  );
  return `${passed.length}/${gates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  {
    name: 'Ready',
    type: 'string',
    doc: 'The aggregate readiness state of this pod for accepting traffic.',
    cell: (pod) => {
      const { ready, total } = summarizePod(pod);
      return `${ready}/${total}`;
    },
  },
  {
    name: 'Status',
    type: 'string',
    doc: 'The aggregate status of the containers in this pod.',
    cell: (pod) => summarizePod(pod).status,
  },
  {
    name: 'Restarts',
    type: 'string',
    doc: 'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    cell: (pod, { nowMs }) => showRestarts(pod, nowMs),
  },
  ageColumn,
  {
    name: 'IP',
    type: 'string',
    priority: 1,
    doc: 'podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.',
    cell: (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
  },
  {
    name: 'Node',
    type: 'string',
    priority: 1,
    doc: 'NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename',
    cell: (pod) => orNone(pod.spec.nodeName),
  },
  {
    name: 'Nominated Node',
    type: 'string',
    priority: 1,
    doc: 'nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.',
    cell: (pod) => orNone(pod.status?.nominatedNodeName),
  },
  {
    name: 'Readiness Gates',
    type: 'string',
    priority: 1,
    doc: 'If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to "True" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates',
    cell: showReadinessGates,
  },
];

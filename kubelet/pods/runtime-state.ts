// What the runtime knows of one pod: its sandboxes and containers, newest first. Rebuilt from the
// runtime at any time; the restart count and the rest of what must outlive the kubelet stand in
// labels and annotations. Upstream: kubecontainer.PodStatus.
import type { ContainerStatus, PodSandboxStatus } from '../../proto/cri.gen.ts';

export interface RuntimeState {
  /** Newest first. */
  sandboxes: PodSandboxStatus[];
  /** Of all sandboxes, newest first. */
  containers: ContainerStatus[];
  /** Ids of those that lie in a sandbox before the newest. */
  earlier: ReadonlySet<string>;
  /**
   * Ids of those that were told to end because their spec changed, or whose state nobody knew:
   * others take their place, whatever the restart policy.
   */
  replaced: ReadonlySet<string>;
}

export const emptyRuntimeState: RuntimeState = {
  sandboxes: [],
  containers: [],
  earlier: new Set(),
  replaced: new Set(),
};

/**
 * Labels and annotations by which sandboxes and containers are recognised; the same as upstream's,
 * so crictl shows them.
 */
export const runtimeLabels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const runtimeAnnotations = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  podGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  /** Ours: bytes asked for, which no control group holds. */
  memoryRequest: 'k8ts.io/memory-request',
} as const;

const newestFirst = (a: { created_at: string }, b: { created_at: string }) => {
  const difference = BigInt(b.created_at) - BigInt(a.created_at);
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
};

/** What each sandbox of a pod holds, as one state. */
export function joinSandboxes(
  found: readonly { sandbox: PodSandboxStatus; containers: ContainerStatus[] }[],
  replaced: ReadonlySet<string> = new Set(),
): RuntimeState {
  const sorted = [...found].sort((a, b) => newestFirst(a.sandbox, b.sandbox));
  return {
    sandboxes: sorted.map(({ sandbox }) => sandbox),
    containers: sorted
      .flatMap(({ containers }) => containers)
      .sort((a, b) => attemptOf(b) - attemptOf(a) || newestFirst(a, b)),
    earlier: new Set(sorted.slice(1).flatMap(({ containers }) => containers.map(({ id }) => id))),
    replaced,
  };
}

const attemptOf = (c: ContainerStatus) => c.metadata?.attempt ?? 0;
export const nameOf = (c: ContainerStatus) => c.metadata?.name ?? '';

/** Which restart of its container this is. */
export function restartCountOf(c: ContainerStatus): number {
  const noted = Number(c.annotations[runtimeAnnotations.restartCount]);
  return Number.isInteger(noted) ? noted : attemptOf(c);
}

export const isRunning = (c: ContainerStatus) => c.state === 'CONTAINER_RUNNING';
/** Nobody knows whether it runs. */
export const isLost = (c: ContainerStatus) => c.state === 'CONTAINER_UNKNOWN';
export const hasExited = (c: ContainerStatus) => c.state === 'CONTAINER_EXITED';

/** Every container of this name, the newest first. */
export const containersNamed = (state: RuntimeState, name: string) =>
  state.containers.filter((c) => nameOf(c) === name);

export const latestContainer = (state: RuntimeState, name: string): ContainerStatus | undefined =>
  state.containers.find((c) => nameOf(c) === name);

/** The newest container of this name in the newest sandbox: what ran in another has not run in this one. */
export const currentContainer = (state: RuntimeState, name: string): ContainerStatus | undefined =>
  state.containers.find((c) => nameOf(c) === name && !state.earlier.has(c.id));

export const runningContainers = (state: RuntimeState) => state.containers.filter(isRunning);

/** The sandbox that containers may join. */
export function readySandbox(state: RuntimeState): PodSandboxStatus | undefined {
  const newest = state.sandboxes[0];
  return newest?.state === 'SANDBOX_READY' ? newest : undefined;
}

/** Nanoseconds of the runtime as milliseconds; zero stays zero, which means never. */
export const millisOf = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1_000_000n);

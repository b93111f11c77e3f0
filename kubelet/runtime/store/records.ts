// What is remembered of sandboxes and containers. States are derived from timestamps, not stored beside them.
//
//   sandbox:    creating --> ready --> stopped
//   container:  created --> running (startedAt) --> exited (finishedAt)
import type {
  ContainerConfig,
  ContainerState,
  LinuxContainerResources,
  PodSandboxConfig,
} from '../../../proto/cri.gen.ts';
import type { ProcessRef } from '../process/identity.ts';

export interface SandboxRecord {
  id: string;
  config: PodSandboxConfig;
  createdAtNs: string;
  /** Creating: found after a restart, it is cleaned away, because nobody was told of it. */
  phase: 'creating' | 'ready' | 'stopped';
  /** The pause process, whose namespaces the containers join. */
  pause?: ProcessRef;
  /** The address in the pod network; none when the sandbox is on the node's network. */
  ip?: string;
  linkName?: string;
}

export interface ContainerUserIds {
  uid: number;
  gid: number;
  /** With the primary group first. */
  supplementalGroups: number[];
}

export interface ContainerRecord {
  id: string;
  sandboxId: string;
  config: ContainerConfig;
  imageId: string;
  /** A digest reference where the image has one, else its id. */
  imageRef: string;
  user: ContainerUserIds;
  /** The number of the signal that asks it to end. */
  stopSignal: number;
  logPath: string;
  resources: LinuxContainerResources | null;
  cgroupPath: string;
  createdAtNs: string;
  startedAtNs?: string;
  finishedAtNs?: string;
  process?: ProcessRef;
  exitCode?: number;
  reason?: string;
  message?: string;
}

export function stateOf(record: ContainerRecord): ContainerState {
  if (record.finishedAtNs !== undefined) return 'CONTAINER_EXITED';
  return record.startedAtNs === undefined ? 'CONTAINER_CREATED' : 'CONTAINER_RUNNING';
}

/** Whether every wanted label is there. */
export function matchesLabels(labels: Record<string, string>, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

// Finds the pod and container a request names, with the errors that people know.

import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { findContainer } from '../pods/pod-text.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { HttpError } from './http-error.ts';

export function findWorker(pods: PodSet, namespace: string, name: string): PodWorker {
  const worker = pods.find(namespace, name);
  if (!worker) throw new HttpError(404, `pod "${name}" not found`);
  return worker;
}

export function statusOf({ pod, status }: PodWorker, name: string): ContainerStatus | undefined {
  if (!findContainer(pod, name))
    throw new HttpError(404, `container "${name}" not found in pod "${pod.metadata.name}"`);
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status;
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find((s) => s.name === name);
}

/** `k8ts://id` without the runtime's name. */
export const bareId = (id: string | undefined) => (id ?? '').replace(/^.*:\/\//, '');

/**
 * The container whose log is asked for. Throws what kubectl shows: 400 while there is none.
 * Upstream: validateContainerLogStatus.
 */
export function chooseLogContainer(
  pod: Pod,
  status: ContainerStatus | undefined,
  container: string,
  previous: boolean,
): string {
  const podName = pod.metadata.name;
  const waiting = status?.state?.waiting;
  const last = status?.lastState?.terminated;
  if (!status) {
    throw new HttpError(400, `container "${container}" in pod "${podName}" is not available`);
  }
  if (previous) {
    if (!last?.containerID)
      throw new HttpError(400, `previous terminated container "${container}" in pod "${podName}" not found`);
    return bareId(last.containerID);
  }
  if (status.state?.running) return bareId(status.containerID);
  if (status.state?.terminated?.containerID) return bareId(status.state.terminated.containerID);
  if (last?.containerID) return bareId(last.containerID);
  if (waiting) {
    const reason = waiting.reason;
    if (reason === 'ErrImagePull')
      throw new HttpError(
        400,
        `container "${container}" in pod "${podName}" is waiting to start: image can't be pulled`,
      );
    if (reason === 'ImagePullBackOff') {
      throw new HttpError(
        400,
        `container "${container}" in pod "${podName}" is waiting to start: trying and failing to pull image`,
      );
    }
    throw new HttpError(400, `container "${container}" in pod "${podName}" is waiting to start: ${reason}`);
  }
  throw new HttpError(400, `container "${container}" in pod "${podName}" is waiting to start - no logs yet`);
}

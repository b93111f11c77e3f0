// Finds the pod and container a request names, with the errors that people know.

import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { findContainer, statusOf as statusIn } from '../pods/pod-text.ts';
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
  return statusIn(status, name);
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
  const refuse = (what: string, kind = '') =>
    new HttpError(400, `${kind}container "${container}" in pod "${pod.metadata.name}" ${what}`);
  if (!status) throw refuse('is not available');
  const { state, lastState } = status;
  const last = lastState?.terminated?.containerID;
  if (previous) {
    if (!last) throw refuse('not found', 'previous terminated ');
    return bareId(last);
  }
  if (state?.running) return bareId(status.containerID);
  const ended = state?.terminated?.containerID || last;
  if (ended) return bareId(ended);
  if (!state?.waiting) throw refuse('is waiting to start - no logs yet');
  const { reason = '' } = state.waiting;
  throw refuse(`is waiting to start: ${waitingTexts[reason] ?? reason}`);
}

/** Reasons to wait of which more is said than their name. */
const waitingTexts: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

// What goes with a user namespace of the pod's own (`hostUsers: false`), and what only with one. Upstream: validateHostUsers.
// https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/#limitations
import { type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import type { PodSpec } from './pod-spec.ts';

const lists = ['containers', 'initContainers', 'ephemeralContainers'] as const;

export function validateHostUsers(spec: PodSpec, path: string): FieldError[] {
  const containers = lists.flatMap((list) =>
    (spec[list] ?? []).map((container, i) => ({ container, at: `${path}.${list}[${i}]` })),
  );
  if (spec.hostUsers !== false) {
    return containers
      .filter(({ container }) => container.securityContext?.procMount === 'Unmasked')
      .map(({ at }) =>
        invalid(`${at}.securityContext.procMount`, 'Unmasked', '`hostUsers` must be false to use `Unmasked`'),
      );
  }
  // Two of the fields are spelt like this upstream.
  const shared = [
    ...(spec.hostNetwork ? ['hostNetwork'] : []),
    ...(spec.hostPID ? ['HostPID'] : []),
    ...(spec.hostIPC ? ['HostIPC'] : []),
  ].map((field) => `${path}.${field}`);
  const devices = containers
    .filter(({ container }) => container.volumeDevices?.length)
    .map(({ at }) => `${at}.volumeDevices`);
  return [...shared, ...devices].map((field) => forbidden(field, 'when `hostUsers` is false'));
}

// pods/ephemeralcontainers and pods/resize: writes to a part of a running pod's spec that a plain
// update may not touch. Refused until the kubelet can carry them out.
// https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
import { StatusError } from '../../machinery/errors.ts';
import type { Subresource } from './handler.ts';

function notYet(name: string, what: string): Subresource {
  return {
    group: '',
    resource: 'pods',
    name,
    async handle(context, request) {
      const { verb, namespace, name: podName } = request.info;
      const stored = await context.store.get(request.kind, namespace, podName);
      if (verb === 'get') return { type: 'object', stored, code: 200 };
      throw new StatusError(501, 'MethodNotAllowed', `${what} is not supported by this version of the server`);
    },
  };
}

export const ephemeralContainersSubresource = notYet('ephemeralcontainers', 'adding ephemeral containers');
export const resizeSubresource = notYet('resize', 'resizing a running pod');

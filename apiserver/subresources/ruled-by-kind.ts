// Subresources through which a part of an object is read and written, and nothing else: what is taken over of the
// body, and what may change, is said by the kind.
//   certificatesigningrequests/approval: who may approve writes the decision.
//   pods/ephemeralcontainers, pods/resize: parts of a running pod's spec that a plain update may not touch.
// https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
import { handlePatch } from '../endpoints/patch.ts';
import { handleUpdate } from '../endpoints/update.ts';
import type { Subresource } from './handler.ts';

const ruledByKind = (group: string, resource: string, name: string): Subresource => ({
  group,
  resource,
  name,
  async handle(context, request) {
    const { verb, namespace, name: parent } = request.info;
    if (verb === 'update') return handleUpdate(context, request);
    if (verb === 'patch') return handlePatch(context, request);
    return { type: 'object', stored: await context.store.get(request.kind, namespace, parent), code: 200 };
  },
});

export const approvalSubresource = ruledByKind('certificates.k8s.io', 'certificatesigningrequests', 'approval');
export const ephemeralContainersSubresource = ruledByKind('', 'pods', 'ephemeralcontainers');
export const resizeSubresource = ruledByKind('', 'pods', 'resize');

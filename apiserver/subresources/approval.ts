// certificatesigningrequests/approval: who may approve writes the decision here, and nothing else. What it takes over
// of the body, and what may change, is said by the kind.
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#approval-rejection
import { handlePatch } from '../endpoints/patch.ts';
import { handleUpdate } from '../endpoints/update.ts';
import type { Subresource } from './handler.ts';

export const approvalSubresource: Subresource = {
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  name: 'approval',
  async handle(context, request) {
    const { verb, namespace, name } = request.info;
    if (verb === 'update') return handleUpdate(context, request);
    if (verb === 'patch') return handlePatch(context, request);
    return { type: 'object', stored: await context.store.get(request.kind, namespace, name), code: 200 };
  },
};

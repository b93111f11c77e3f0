// CertificateApproval: who approves or denies a certificate request must be allowed to for its signer.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificateapproval
import { type AdmissionPlugin, requestsFor } from './plugin.ts';
import { demandSignerAccess, signedResource } from './signer-access.ts';

export const certificateApproval: AdmissionPlugin = {
  name: 'CertificateApproval',
  handles: requestsFor(signedResource, ['UPDATE'], 'approval'),
  validate: (request, deps) => demandSignerAccess(request, deps, 'approve', request.object!),
};

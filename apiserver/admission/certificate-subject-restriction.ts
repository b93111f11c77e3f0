// CertificateSubjectRestriction: nobody gets into the group of those who may do everything by a certificate.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificatesubjectrestriction
import { CertificateRequestError, parseCertificateRequest } from '../../machinery/certificate-request.ts';
import { pemOfField } from '../../machinery/pem.ts';
import { type AdmissionPlugin, refusal, requestsFor } from './plugin.ts';
import { signedResource } from './signer-access.ts';

const clientSigner = 'kubernetes.io/kube-apiserver-client';
const mastersGroup = 'system:masters';
const isNew = requestsFor(signedResource, ['CREATE']);

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => isNew(request) && request.object?.spec.signerName === clientSigner,
  validate(request) {
    let organizations: readonly string[];
    try {
      organizations = parseCertificateRequest(pemOfField(request.object!.spec.request)).organizations;
    } catch (err) {
      if (err instanceof CertificateRequestError) throw refusal(request, `failed to parse CSR: ${err.message}`);
      throw err;
    }
    if (!organizations.includes(mastersGroup)) return;
    throw refusal(request, `use of ${clientSigner} signer with ${mastersGroup} group is not allowed`);
  },
};

// CertificateSubjectRestriction: nobody gets into the group of those who may do everything by a certificate.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificatesubjectrestriction
import { CertificateRequestError, parseCertificateRequest } from '../../machinery/certificate-request.ts';
import { forbiddenError } from '../../machinery/errors.ts';
import { pemOfField } from '../../machinery/pem.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { type AdmissionPlugin, requestsFor } from './plugin.ts';
import { signedResource } from './signer-access.ts';

const clientSigner = 'kubernetes.io/kube-apiserver-client';
const mastersGroup = 'system:masters';
const isNew = requestsFor(signedResource, ['CREATE']);

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => isNew(request) && request.object?.spec.signerName === clientSigner,
  validate({ kind, name, object }) {
    const refuse = (why: string) => forbiddenError(groupResourceOf(kind), name, why);
    let organizations: readonly string[];
    try {
      organizations = parseCertificateRequest(pemOfField(object!.spec.request)).organizations;
    } catch (err) {
      if (err instanceof CertificateRequestError) throw refuse(`failed to parse CSR: ${err.message}`);
      throw err;
    }
    if (!organizations.includes(mastersGroup)) return;
    throw refuse(`use of ${clientSigner} signer with ${mastersGroup} group is not allowed`);
  },
};

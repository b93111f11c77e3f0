// CertificateSigning: who writes the certificate or a condition of a request must be allowed to sign for its signer.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificatesigning
import { jsonEqual } from '../../machinery/json.ts';
import { type AdmissionPlugin, requestsFor } from './plugin.ts';
import { demandSignerAccess, signedResource } from './signer-access.ts';

export const certificateSigning: AdmissionPlugin = {
  name: 'CertificateSigning',
  handles: requestsFor(signedResource, ['UPDATE'], 'status'),
  async validate(request, deps) {
    const { object, oldObject } = request;
    const unchanged = (['certificate', 'conditions'] as const).every((field) =>
      jsonEqual(object!.status?.[field], oldObject!.status?.[field]),
    );
    if (!unchanged) await demandSignerAccess(request, deps, 'sign', oldObject!);
  },
};
